import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Where this user's Shardmill keeps what it can make again: `SHARDMILL_CACHE`, else `shardmill` in the user's
 * cache folder (`XDG_CACHE_HOME`, which counts only when it is absolute, else `~/.cache`). It may not be
 * there yet.
 *
 * @param kind what is kept, as a folder in it
 */
export function cacheFolder(kind: string, env: NodeJS.ProcessEnv = process.env): string {
  const { SHARDMILL_CACHE: own = "", XDG_CACHE_HOME: users = "" } = env;
  if (own !== "") return join(resolve(own), kind);
  return join(isAbsolute(users) ? users : join(homedir(), ".cache"), "shardmill", kind);
}
