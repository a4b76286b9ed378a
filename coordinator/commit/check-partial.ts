import { join } from "node:path";
import type { ReadableDisk } from "../../shared/core/disk.ts";
import { syncPath } from "../../shared/core/durable.ts";
import { errorCode } from "../../shared/core/errno.ts";
import { messageOf } from "../../shared/core/errors.ts";
import { type PartialFile, type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import type { PartialShape } from "../../shared/domain/partial-layout.ts";
import type { ByteSource } from "../../shared/store/store.ts";
import { type CheckedFile, openChecked } from "./check-file.ts";
import { checkManifest } from "./check-manifest.ts";
import { partialInvalid } from "./partial-invalid.ts";
import type { CountRows } from "./row-counter.ts";

/** What is the same for all partials of a job. Plain data: it goes to a thread. */
export interface CheckPlace {
  readonly partialsPath: string;
  readonly shape: PartialShape;
}

/** What a check works with: blocking in a thread of its own, simulated in the simulator. */
export interface CheckTools {
  readonly disk: ReadableDisk;
  readonly countRows: CountRows;
}

/**
 * A put that was sent twice, because the answer to the first was lost, may still be writing beside the
 * finished file.
 */
const UPLOAD_UNDER_WAY = /^\..*\.tmp$/;

/**
 * Makes sure that a partial is there and whole, and that its files and its folder are durable, but for the
 * folder's own name: the manifest agrees with itself and the job; the folder has exactly its files; bytes,
 * sha256 and the row counts in the files' own footers are right. Each file is opened once.
 *
 * @throws {PARTIAL_INVALID} with the fields shard, digest, path, what, expected, found
 */
export async function checkPartial(
  partial: PartialManifest,
  { partialsPath, shape }: CheckPlace,
  tools: CheckTools,
): Promise<void> {
  checkManifest(partial, shape);
  const folder = join(partialsPath, partialFolder(partial));
  await checkNames(folder, partial, tools.disk);
  for (const file of partial.files) {
    const opened = await openChecked(partialsPath, partial, file, tools);
    try {
      await checkRows(partial, file, opened, tools.countRows);
      await makeDurable(partial, opened.path, () => opened.handle.sync());
    } finally {
      await opened.handle.close();
    }
  }
  await makeDurable(partial, folder, () => syncPath(folder, tools.disk));
}

/** @throws {PARTIAL_INVALID} when `sync` fails */
export async function makeDurable(
  partial: PartialManifest,
  path: string,
  sync: () => Promise<void>,
): Promise<void> {
  await sync().catch((cause: unknown) => {
    const what = "it cannot be made durable";
    throw partialInvalid(partial, { path, what, expected: "synced", found: messageOf(cause), cause });
  });
}

async function checkNames(folder: string, partial: PartialManifest, disk: ReadableDisk): Promise<void> {
  const differ = (what: string, expected: string, found: string, cause?: unknown) =>
    partialInvalid(partial, { path: folder, what, expected, found, cause });
  const unreadable = (cause: unknown) => {
    const found = errorCode(cause) === "ENOENT" ? "nothing" : messageOf(cause);
    return differ("its folder cannot be read", "a folder", found, cause);
  };
  const stats = await disk.lstat(folder).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  if (stats.kind !== "folder") throw differ("its folder is not a folder", "a folder", "something else");
  const names = await disk.readdir(folder).catch((cause: unknown) => {
    throw unreadable(cause);
  });
  const found = names
    .filter((name) => !UPLOAD_UNDER_WAY.test(name))
    .sort()
    .join(", ");
  const expected = partial.files
    .map((file) => file.name)
    .sort()
    .join(", ");
  if (found !== expected) throw differ("names in its folder", expected, found);
}

async function checkRows(
  partial: PartialManifest,
  file: PartialFile,
  opened: CheckedFile,
  countRows: CountRows,
): Promise<void> {
  const { path } = opened;
  const found = await countRows(sourceOf(opened, file.bytes)).catch((cause: unknown) => {
    const what = `${file.name} cannot be parsed`;
    const expected = `${file.rows} rows`;
    throw partialInvalid(partial, { path, what, expected, found: messageOf(cause), cause });
  });
  if (found !== file.rows) {
    throw partialInvalid(partial, { path, what: `rows in ${file.name}`, expected: file.rows, found });
  }
}

function sourceOf({ path, handle }: CheckedFile, bytes: number): ByteSource {
  return {
    path,
    bytes,
    async read(start, end) {
      const range = Buffer.allocUnsafe(end - start);
      return range.subarray(0, await handle.readInto(range, start));
    },
  };
}
