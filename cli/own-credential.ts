import {
  type CoordinatorCredential,
  ensureCredential,
  newSecret,
  readCredential,
  secretPath,
} from "../shared/access/credential.ts";

/**
 * The secret of a coordinator whose workers are started by this process: the user's. Where none can be kept,
 * as in a container without a home, one of its own: then nobody can ask how the job is, but it runs.
 *
 * @throws {SECRET_INVALID} when the user's file can be read by others, or the one that was asked for cannot
 * be made
 */
export async function ownCredential(asked: string | undefined): Promise<CoordinatorCredential> {
  const path = secretPath(asked);
  const { secret } = readCredential(path);
  if (secret !== null) return { path, secret };
  const isNamed = asked !== undefined || (process.env.SHARDMILL_SECRET_FILE ?? "") !== "";
  return ensureCredential(path).catch((error: unknown) =>
    isNamed ? Promise.reject(error) : { path, secret: newSecret() },
  );
}
