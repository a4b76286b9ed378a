import type { Stats } from "node:fs";
import { ShardmillError } from "../core/errors.ts";

/** Terms for messages about an invalid file, and the option that names another. */
export interface OwnFile {
  readonly path: string;
  /** Noun, as in `the secret file`. */
  readonly noun: string;
  /** Option that names another file. */
  readonly option: string;
  readonly code: "SECRET_INVALID" | "TOKEN_INVALID";
}

/** Makes the error for an invalid file. It never contains the file's content. */
export function wrongFile(file: OwnFile, what: string, hint: string, cause?: unknown): ShardmillError {
  return new ShardmillError(file.code, `the ${file.noun} file ${what}`, {
    fields: { path: file.path },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

/**
 * Refuses a file that other users can open. A group may read a file that belongs to root. Kubernetes mounts
 * Secrets for pods in this way: mode 0440, with the pod's own group. Only root can have given the file to
 * that group, and PostgreSQL has the same rule for keys. A group must not read the user's own file, nor
 * root's own file if root is the user.
 *
 * @param user effective user id. Null: Windows, whose user folders are private, and which has no such modes
 * @throws {SECRET_INVALID} or {TOKEN_INVALID} when others can open the file, or another user owns it
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
