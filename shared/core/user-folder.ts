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
  return userFolder(kind, { own, users, usual: ".cache" });
}

/**
 * ... and what it cannot make again, and would miss after a restart: `SHARDMILL_STATE`, else `shardmill` in
 * `XDG_STATE_HOME`, else in `~/.local/state`.
 */
export function stateFolder(kind: string, env: NodeJS.ProcessEnv = process.env): string {
  const { SHARDMILL_STATE: own = "", XDG_STATE_HOME: users = "" } = env;
  return userFolder(kind, { own, users, usual: join(".local", "state") });
}

function userFolder(
  kind: string,
  { own, users, usual }: { readonly own: string; readonly users: string; readonly usual: string },
): string {
  if (own !== "") return join(resolve(own), kind);
  return join(isAbsolute(users) ? users : join(homedir(), usual), "shardmill", kind);
}
