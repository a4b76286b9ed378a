import type { Stats } from "node:fs";
import { ShardmillError } from "../core/errors.ts";

/** What a file is called where it is wrong, and how another is named. */
export interface OwnFile {
  readonly path: string;
  /** As in `the secret file`. */
  readonly noun: string;
  /** The option that names another. */
  readonly option: string;
  readonly code: "SECRET_INVALID" | "TOKEN_INVALID";
}

/** What is wrong with such a file; never what it holds. */
export function wrongFile(file: OwnFile, what: string, hint: string, cause?: unknown): ShardmillError {
  return new ShardmillError(file.code, `the ${file.noun} file ${what}`, {
    fields: { path: file.path },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * A group may read what is root's: so Kubernetes mounts a Secret for a pod (mode 0440, the pod's own group),
 * and no one but root can have given it to that group. PostgreSQL takes keys by the same rule. Of a file of
 * the user's own that is a slip, and so it is of root's own for root.
 *
 * @param user null on Windows, which keeps what a user's own folder holds to that user, and has no such modes
 * @throws {SECRET_INVALID} or {TOKEN_INVALID} when others can open it, or it is somebody else's
 */
export function refuseOpen(
  file: OwnFile,
  { mode, uid }: Pick<Stats, "mode" | "uid">,
  user: number | null,
): void {
  if (user === null) return;
  const isGivenByRoot = uid === 0 && user !== 0;
  if ((mode & (isGivenByRoot ? 0o037 : 0o077)) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(3, "0");
    throw wrongFile(file, `can be read by others (its mode is ${octal})`, `chmod 600 ${file.path}`);
  }
  if (uid !== user && uid !== 0)
    throw wrongFile(file, `belongs to another user (${uid})`, `name one of your own with ${file.option}`);
}
