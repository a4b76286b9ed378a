import { closeSync, fstatSync, openSync, readFileSync } from "node:fs";
import { errorCode } from "../core/errno.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { type OwnFile, refuseOpen, wrongFile } from "./wrong-file.ts";

/**
 * Reads the text of a file that only its owner can open. Null: the file does not exist.
 *
 * @throws {SECRET_INVALID} or {TOKEN_INVALID} when others can open it, another user owns it, or it is not a
 * file
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

function read(file: OwnFile): string {
  const opened = openSync(file.path, "r");
  try {
    const stat = fstatSync(opened);
    // Shells pass another program's output as a pipe. For other kinds, the advice `chmod 600` would be wrong.
    if (!stat.isFile() && !stat.isFIFO())
      throw wrongFile(file, "is not a file", `name the file itself with ${file.option}`);
    refuseOpen(file, stat, process.geteuid?.() ?? null);
    return readFileSync(opened, "utf8");
  } finally {
    closeSync(opened);
  }
}
