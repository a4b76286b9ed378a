import { cutName } from "../core/cut-text.ts";
import { errorCode } from "../core/errno.ts";
import type { ErrorCode } from "../core/error-codes.ts";
import { isShardmillError, messageOf, type Problem, ShardmillError } from "../core/errors.ts";
import type { FileStat } from "../domain/location.ts";

/** Storage codes of the file system's errors. Others are STORE_FAILED. */
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
 * Runs `action`, and translates the file system's errors to a storage's codes. Passes other errors on. `verb`
 * describes the action in the message.
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
  // An error of ours, or the signal's reason.
  if (error instanceof ShardmillError || code === null) return error;
  const message = `cannot ${verb} ${cutName(path)}: ${cutName(messageOf(error))}`;
  return new ShardmillError(CODES[code] ?? "STORE_FAILED", message, {
    fields: { path, errno: code },
    cause: error,
  });
}

/** Errors of a name that cannot be read, whatever the state of the storage. */
const OF_A_NAME = new Set(["ENAMETOOLONG", "ELOOP", "EINVAL", "EISDIR", "ENXIO", "ENODEV"]);

/** Checks for an error of one name: missing, not a file, or not readable by any worker. */
export function isOfOneName(error: ShardmillError): boolean {
  const { errno, isNarrowed } = error.fields;
  if (typeof errno === "string" && OF_A_NAME.has(errno)) return true;
  if (error.code === "LOCATION_REFUSED") return isNarrowed !== true;
  return error.code === "STORE_NOT_FOUND" || error.code === "STORE_REFUSED" || isNotAFile(error);
}

/** Checks for an error of a storage or the file system, not a rule of ours or a signal. */
export function isPlaceError(error: unknown): boolean {
  if (isShardmillError(error)) return error.code.startsWith("STORE_");
  return errorCode(error) !== null;
}

/** Ignores errors of a disk or a store. @throws anything else */
export function ignorePlaceError(error: unknown): void {
  if (!isPlaceError(error)) throw error;
}

/** Checks whether a store throttles, is unreachable, or lacks credentials: a later retry may succeed. */
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

/** Returns the cause of a failure: the file system's own message, or all of a store's message. */
export function reasonOf(error: unknown): string {
  const isOfFileSystem = isShardmillError(error) && typeof error.fields.errno === "string";
  return messageOf(isOfFileSystem && error.cause instanceof Error ? error.cause : error);
}

/** Makes a problem of a failure at a location, with the cause and the storage's hint. */
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

/** Returns the error for a file that ends at `found`, before the `expected` byte. */
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

/** Returns the kind of a location in storages of files only. Null: `stat` finds no file. */
export async function fileOrNothing(stat: () => Promise<FileStat>): Promise<"file" | null> {
  try {
    await stat();
    return "file";
  } catch (error) {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return null;
    throw error;
  }
}

/** Returns the error for a folder or another object in the place of a file. */
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
  return new ShardmillError("STORE_FAILED", `${path}: received ${found} bytes instead of ${expected}`, {
    fields: { path, expected, found },
  });
}

export function wrongDigest(path: string, expected: string, found: string): ShardmillError {
  return new ShardmillError("STORE_FAILED", `${path}: the received bytes have another sha256`, {
    fields: { path, expected, found },
  });
}

/** Returns the error for a call outside of the storage's `Capabilities`. */
export function cannot(storage: string, what: string): Error {
  return new Error(`broken invariant: ${storage} cannot ${what}`);
}
