import { NEVER } from "../../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../../shared/core/errors.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import type { PartialRules } from "../../shared/domain/partial-layout.ts";
import { reasonOf } from "../../shared/storage/errors.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { byteSource, type Entry, type Storage } from "../../shared/storage/storage.ts";
import { type CheckedStorage, checkBytes, isLink, partialLocation } from "./check-file.ts";
import { checkManifest } from "./check-manifest.ts";
import { hasNoVerdictOn, partialInvalid } from "./partial-invalid.ts";
import type { CountRows } from "./row-counter.ts";

/** Facts that all checks of a job share. Plain data: it is sent to a thread. */
export interface CheckPlace {
  readonly partials: Location;
  readonly shape: PartialRules;
  /** True when the storage's own checksums are trusted. Default: false. */
  readonly isTrusted?: boolean;
  /** Settings of the job's stores. Default: none. */
  readonly stores?: JobStores;
}

/** Tools of a check: blocking ones in a thread of its own, simulated ones in the simulator. */
export interface CheckTools {
  readonly storage: CheckedStorage & Pick<Storage, "checksums">;
  readonly countRows: CountRows;
}

/**
 * Name of an unfinished upload. A put that was retried after a lost reply may still be writing next to the
 * finished file.
 */
const UPLOAD_UNDER_WAY = /^\..*\.tmp$/;

/**
 * Checks that a partial is whole, and makes its files and its folder durable, except the folder's own name.
 * The manifest must agree with itself and the job. On this machine, the folder must have exactly the
 * manifest's files. Bytes, sha256 and the row counts in the files' footers, if any, must be right. In a
 * bucket, other objects below a partial's name are ignored. Readers do not use them, and listing costs more
 * than the rest of the check.
 *
 * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found
 * @throws {STORE_FAILED} {STORE_REFUSED} when a storage off this machine fails
 */
export async function checkPartial(
  partial: PartialManifest,
  { partials, shape, isTrusted = false }: CheckPlace,
  { storage, countRows }: CheckTools,
): Promise<void> {
  checkManifest(partial, shape);
  const folder = partialLocation(partials, partial);
  if (isOnThisMachine(folder)) await checkNames(folder, partial, storage);
  const access = { storage, checksums: isTrusted ? storage.checksums : undefined, signal: NEVER };
  for (const file of partial.files) {
    const location = await checkBytes(partials, partial, file, access);
    const source = byteSource(storage, location, file.bytes);
    await checkRows(partial, file, () => countRows(source), location);
    await makeDurable(partial, location, storage);
  }
  await makeDurable(partial, folder, storage);
}

/** @throws {PARTIAL_INVALID} when the path cannot be synced */
export async function makeDurable(
  partial: PartialManifest,
  path: Location,
  storage: Pick<CheckedStorage, "sync">,
): Promise<void> {
  await storage.sync(path).catch((cause: unknown) => {
    const what = "it cannot be made durable";
    throw partialInvalid(partial, { path, what, expected: "synced", found: reasonOf(cause), cause });
  });
}

async function checkNames(
  folder: Location,
  partial: PartialManifest,
  storage: CheckedStorage,
): Promise<void> {
  const differ = (what: string, expected: string, found: string, cause?: unknown) =>
    partialInvalid(partial, { path: folder, what, expected, found, cause });
  const entries = await entriesOf(folder, storage).catch((cause: unknown) => {
    const found = isShardmillError(cause, "STORE_NOT_FOUND") ? "nothing" : reasonOf(cause);
    throw differ("its folder cannot be read", "a folder", found, cause);
  });
  if (entries === null) throw differ("its folder is not a folder", "a folder", "a link");
  const found = namesText(entries.filter(({ name }) => !UPLOAD_UNDER_WAY.test(name)));
  const expected = namesText(partial.files);
  if (found !== expected) throw differ("names in its folder", expected, found);
  for (const { name, kind } of entries) {
    if (kind === "file" || UPLOAD_UNDER_WAY.test(name)) continue;
    throw differ(`${name} is not a file`, "a file", kind === "link" ? "a link" : "something else");
  }
}

/** Returns the entries of a folder. Null: the folder is a link. */
async function entriesOf(folder: Location, storage: CheckedStorage): Promise<readonly Entry[] | null> {
  if (await isLink(folder, storage)) return null;
  const entries: Entry[] = [];
  for await (const page of storage.list(folder, { signal: NEVER })) entries.push(...page);
  return entries;
}

function namesText(named: readonly { readonly name: string }[]): string {
  return named
    .map(({ name }) => name)
    .sort()
    .join(", ");
}

async function checkRows(
  partial: PartialManifest,
  file: PartialFile,
  count: () => Promise<number | null>,
  path: Location,
): Promise<void> {
  const found = await count().catch((cause: unknown) => {
    if (hasNoVerdictOn(path, cause)) throw cause;
    const what = `${file.name} cannot be parsed`;
    const expected = `${file.rows} rows`;
    throw partialInvalid(partial, { path, what, expected, found: messageOf(cause), cause });
  });
  if (found !== null && found !== file.rows) {
    throw partialInvalid(partial, { path, what: `rows in ${file.name}`, expected: file.rows, found });
  }
}
