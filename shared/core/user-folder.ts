import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";

/**
 * Returns the folder of this user's cache: `SHARDMILL_CACHE`, else `shardmill` in the user's cache folder.
 * The latter is `XDG_CACHE_HOME`, if absolute, else `~/.cache`. The folder may not exist yet.
 *
 * @param kind name of the folder in it
 */
export function cacheFolder(kind: string, env: NodeJS.ProcessEnv = process.env): string {
  const { SHARDMILL_CACHE: own = "", XDG_CACHE_HOME: users = "" } = env;
  return userFolder(kind, { own, users, usual: ".cache" });
}

/**
 * Returns the folder of state that must survive a restart: `SHARDMILL_STATE`, else `shardmill` in
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
