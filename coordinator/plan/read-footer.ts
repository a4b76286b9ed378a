import { isShardmillError, ShardmillError } from "../../shared/core/errors.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { layoutOf } from "../../shared/dataset/layout.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { byteSource, type Store } from "../../shared/store/store.ts";
import type { FoundFile } from "./input/discover.ts";
import type { FileFooter } from "./seal-dataset.ts";

/**
 * One file's footer.
 *
 * @throws {INPUT_CHANGED} when the file is no longer as it was found
 * @throws {INPUT_CORRUPT | INPUT_UNSUPPORTED}
 */
export async function readFooter(store: Store, found: FoundFile, signal?: AbortSignal): Promise<FileFooter> {
  const footer = await parseFooter(store, found, signal).catch(async (error: unknown) => {
    // A file that is being written looks corrupt, or cut short.
    await refuseChanged(store, found, signal);
    throw error;
  });
  await refuseChanged(store, found, signal);
  return footer;
}

async function parseFooter(store: Store, found: FoundFile, signal?: AbortSignal): Promise<FileFooter> {
  const { path, format, bytes, mtimeMs } = found;
  using file = await openDatasetFile(byteSource(store, path, bytes), format, signal);
  const { rows, footerSha256, rowGroups } = file;
  return {
    file: { path, format, bytes, mtimeMs, rows, footerSha256 },
    fields: fieldsOf(file.schema),
    rowGroups,
    layout: layoutOf(file.schema),
  };
}

async function refuseChanged(store: Store, found: FoundFile, signal?: AbortSignal): Promise<void> {
  const { path, bytes, mtimeMs } = found;
  const now = await store.stat(path, signal).catch((error: unknown) => {
    if (isShardmillError(error, "STORE_NOT_FOUND")) return { bytes: -1, mtimeMs: -1 };
    throw error;
  });
  if (now.bytes === bytes && now.mtimeMs === mtimeMs) return;
  const what = now.bytes < 0 ? "was removed" : "changed";
  throw new ShardmillError("INPUT_CHANGED", `${path} ${what} while the job was being planned`, {
    fields: { path, bytes, bytesNow: now.bytes },
    problems: [{ where: path, what: `${what} while the job was being planned` }],
    hint: "start the job once nothing writes to its input any more",
  });
}
