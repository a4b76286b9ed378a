import { closeSync, fstatSync, openSync, readFileSync, type Stats } from "node:fs";
import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";

/** What a file is called where it is wrong, and how another is named. */
export interface OwnFile {
  readonly path: string;
  /** As in `the secret file`. */
  readonly noun: string;
  /** The option that names another. */
  readonly option: string;
  readonly code: "SECRET_INVALID" | "TOKEN_INVALID";
}

/**
 * The text of a file that only its owner can open; null where there is none.
 *
 * @throws {SECRET_INVALID} or {TOKEN_INVALID} when others can open it, it is somebody else's, or no file
 */
export function readOwnFile(file: OwnFile): string | null {
  try {
    return read(file);
  } catch (error) {
    if (error instanceof ShardmillError) throw error;
    const code = errorCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw wrongFile(file, `cannot be read: ${messageOf(error)}`, `name another with ${file.option}`, error);
  }
}

/** What is wrong with such a file; never what it holds. */
export function wrongFile(file: OwnFile, what: string, hint: string, cause?: unknown): ShardmillError {
  return new ShardmillError(file.code, `the ${file.noun} file ${what}`, {
    fields: { path: file.path },
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

function read(file: OwnFile): string {
  const opened = openSync(file.path, "r");
  try {
    const stat = fstatSync(opened);
    // A pipe is how a shell hands over what another program prints. Of the rest, none is to be told `chmod
    // 600`.
    if (!stat.isFile() && !stat.isFIFO())
      throw wrongFile(file, "is no file", `name the file itself with ${file.option}`);
    refuseOpen(file, stat);
    return readFileSync(opened, "utf8");
  } finally {
    closeSync(opened);
  }
}

/** Windows keeps what a user's own folder holds to that user, and has no such modes. */
function refuseOpen(file: OwnFile, { mode, uid }: Stats): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(3, "0");
    throw wrongFile(file, `can be read by others (its mode is ${octal})`, `chmod 600 ${file.path}`);
  }
  if (uid !== user && uid !== 0)
    throw wrongFile(file, `belongs to another user (${uid})`, `name one of your own with ${file.option}`);
}
