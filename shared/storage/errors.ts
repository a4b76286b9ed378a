import { cutName } from "../core/cut-text.ts";
import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { isShardmillError, messageOf, type Problem, ShardmillError } from "../core/errors.ts";
import type { FileStat } from "../domain/location.ts";

/** What the file system says, in the words of a storage. What is not listed is STORE_FAILED. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOENT: "STORE_NOT_FOUND",
  ENOTDIR: "STORE_NOT_FOUND",
  EEXIST: "STORE_EXISTS",
  ENOTEMPTY: "STORE_EXISTS",
  EACCES: "STORE_REFUSED",
  EPERM: "STORE_REFUSED",
  EROFS: "STORE_REFUSED",
};

/**
 * Runs `action`, and gives what fails in it for the file system's reasons a storage's code; `verb` says what
 * was to be done with the path. Other errors pass as they are.
 */
export async function asStorageErrors<T>(verb: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw asStorageError(verb, path, error);
  }
}

export function asStorageError(verb: string, path: string, error: unknown): unknown {
  const code = errorCode(error);
  // Not from the file system: an error of ours, or the signal's reason.
  if (error instanceof ShardmillError || code === null) return error;
  const message = `cannot ${verb} ${cutName(path)}: ${cutName(messageOf(error))}`;
  return new ShardmillError(CODES[code] ?? "STORE_FAILED", message, {
    fields: { path, errno: code },
    cause: error,
  });
}

/** Errors that no file of this name can be read, whatever is done about the place. */
const OF_A_NAME = new Set(["ENAMETOOLONG", "ELOOP", "EINVAL", "EISDIR", "ENXIO", "ENODEV"]);

/** True for an error that concerns one name: nothing is there, it is no file, or no worker may read it. */
export function isOfOneName(error: ShardmillError): boolean {
  const { errno, isNarrowed } = error.fields;
  if (typeof errno === "string" && OF_A_NAME.has(errno)) return true;
  if (error.code === "LOCATION_REFUSED") return isNarrowed !== true;
  return error.code === "STORE_NOT_FOUND" || error.code === "STORE_REFUSED" || isNotAFile(error);
}

/** Whether a storage, or the file system, is what failed; not a rule of ours, nor a signal. */
export function isPlaceError(error: unknown): boolean {
  if (isShardmillError(error)) return error.code.startsWith("STORE_");
  return errorCode(error) !== null;
}

/** Ignores what fails for the reasons of a disk or a store. @throws anything else */
export function ignorePlaceError(error: unknown): void {
  if (!isPlaceError(error)) throw error;
}

/** Whether a store throttles, is unreachable, or nobody provides credentials for it: later it may work. */
export function isStoreUnavailable({
  code,
  fields,
}: {
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;
}): boolean {
  const isOfStore = code === "STORE_FAILED" || code === "STORE_REFUSED";
  return isOfStore && typeof fields.throttled === "boolean";
}

/** Returns why a place failed: the file system's own message, or all that a store's error says. */
export function reasonOf(error: unknown): string {
  const isOfFileSystem = isShardmillError(error) && typeof error.fields.errno === "string";
  return messageOf(isOfFileSystem && error.cause instanceof Error ? error.cause : error);
}

/** What failed at a place, as one of several problems: why, and what its storage says is to be done. */
export function placeProblem(where: string, what: string, error: unknown): Problem {
  const hint = isShardmillError(error) ? error.hint : undefined;
  const passing = isShardmillError(error) && isStoreUnavailable(error) ? { code: error.code } : {};
  const reason = reasonOf(error);
  const why = reason.startsWith(`${where} `) ? reason.slice(where.length + 1) : reason;
  return { where, what: `${what}: ${why}`, ...(hint === undefined ? {} : { hint }), ...passing };
}

/** @throws {STORE_FAILED} when `[start, end)` is not a range */
export function checkRange(path: string, start: number, end: number): void {
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && 0 <= start && start <= end) return;
  throw new ShardmillError("STORE_FAILED", `[${start}, ${end}) is not a range of bytes`, {
    fields: { path, start, end },
  });
}

/** A file ends at `found`, before the `expected` byte. */
export function tooShort(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} ends at byte ${found}, before ${expected}`, {
    fields: { path, expected, found },
    hint: "the file was cut short since it was listed",
  });
}

export function isTooShort(error: unknown): boolean {
  if (!isShardmillError(error, "STORE_FAILED")) return false;
  const { found, expected } = error.fields;
  return typeof expected === "number" && typeof found === "number" && found < expected;
}

/** What is there, where only files can be seen: null when `stat` finds none. */
export async function fileOrNothing(stat: () => Promise<FileStat>): Promise<"file" | null> {
  try {
    await stat();
    return "file";
  } catch (error) {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
    throw error;
  }
}

/** Something else than a file is where one should be. */
export function notAFile(path: string, kind: "folder" | "other"): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path} is ${kind === "folder" ? "a folder" : "not a file"}`, {
    fields: { path, kind },
  });
}

export function isNotAFile(error: unknown): boolean {
  return isShardmillError(error, "STORE_FAILED") && typeof error.fields.kind === "string";
}

export function occupied(path: string, bytes: number, cause?: unknown): ShardmillError {
  return new ShardmillError("STORE_EXISTS", `${path} exists with other bytes`, {
    fields: { path, bytes },
    ...(cause === undefined ? {} : { cause }),
  });
}

export function wrongSize(path: string, expected: number, found: number): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path}: ${found} bytes came where ${expected} were announced`, {
    fields: { path, expected, found },
  });
}

export function wrongDigest(path: string, expected: string, found: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path}: the bytes that came have another sha256`, {
    fields: { path, expected, found },
  });
}

/** A call of what `Capabilities` says that a storage cannot do. */
export function cannot(storage: string, what: string): Error {
  return new Error(`broken invariant: ${storage} cannot ${what}`);
}
