import type { RecordBatch } from "apache-arrow";
import { readManifestIfThere } from "../../../coordinator/publish/read-manifest.ts";
import { cellReader } from "../../../shared/dataset/cell-reader.ts";
import { freeBatch } from "../../../shared/dataset/free-batch.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { columnData } from "../../../shared/dataset/record-batch.ts";
import { below, type Location } from "../../../shared/domain/location.ts";
import { MANIFEST_NAME, type OutputFile } from "../../../shared/domain/manifest.ts";
import type { Result } from "../../../shared/extension/queue-source.ts";
import { byteSource, type Storage } from "../../../shared/storage/storage.ts";
import type { FailedKeys } from "./gatherer.ts";
import { rowsAsJson } from "./row-json.ts";
import type { SpooledWindow } from "./spool.ts";
import type { WindowId } from "./window-id.ts";

/** Published result of a window's run. */
export interface PublishedWindow {
  readonly failedKeys: FailedKeys;
  /** Yields the result's rows in order, in batches. */
  results(signal: AbortSignal): AsyncIterable<readonly Result[]>;
}

/** Rows that are sent at once. */
const RESULTS_AT_ONCE = 1_000;

/**
 * Reads the published result of a window, with its dead letters. Null: not published.
 *
 * @param output the folder of the window's run
 * @throws {OUTPUT_FAILED} when the output is not as it was published
 * @throws errors of reading the output
 */
export async function readPublishedWindow(
  window: SpooledWindow,
  { output, storage }: { readonly output: Location; readonly storage: Storage },
  signal: AbortSignal,
): Promise<PublishedWindow | null> {
  const failedKeys = new Map(window.left);
  if (failedKeys.size === window.keys.length) return { failedKeys, results: noResults };
  const manifest = await readManifestIfThere(below(output, MANIFEST_NAME), storage);
  if (manifest === null) return null;
  const { files } = manifest;
  const read = (kind: OutputFile["kind"]) =>
    batchesOf(
      files.filter((file) => file.kind === kind),
      { output, storage, signal },
    );
  const keyAt = keysByRow(window);
  for await (const batch of read("errors")) {
    const [rowAt, codeAt, messageAt] = ["row", "code", "message"].map((name) =>
      cellReader(columnData(batch, name)),
    );
    for (let at = 0; at < batch.numRows; at += 1) {
      const key = keyAt(Number(rowAt?.(at)));
      // For a message of several rows, the first dead letter is reported.
      if (key !== null && !failedKeys.has(key)) failedKeys.set(key, `${codeAt?.(at)}: ${messageAt?.(at)}`);
    }
  }
  return { failedKeys, results: () => resultsOf(window.id, read("rows")) };
}

/** Yields nothing: a window whose messages are all excluded has no run. */
async function* noResults(): AsyncGenerator<readonly Result[]> {}

/**
 * Returns a function from a row of the window's file to its message's key. A window of files has no such
 * keys.
 */
function keysByRow({ keys, counts, input }: SpooledWindow): (row: number) => string | null {
  if (input.length > 0) return () => null;
  const owners: string[] = [];
  for (const [index, key] of keys.entries())
    for (let row = 0; row < (counts[index] ?? 0); row += 1) owners.push(key);
  return (row) => owners[row] ?? null;
}

interface Place {
  readonly output: Location;
  readonly storage: Storage;
  readonly signal: AbortSignal;
}

async function* batchesOf(
  files: readonly OutputFile[],
  { output, storage, signal }: Place,
): AsyncGenerator<RecordBatch> {
  for (const { path } of files) {
    const location = below(output, path);
    const { bytes, version } = await storage.stat(location, signal);
    const format = path.endsWith(".arrow") ? "arrow" : "parquet";
    using file = await openDatasetFile(byteSource(storage, location, bytes, version), format, signal);
    const columns = file.schema.fields.map(({ name }) => name);
    for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns, signal })) {
      yield batch;
      freeBatch(batch);
    }
  }
}

async function* resultsOf(
  id: WindowId,
  batches: AsyncIterable<RecordBatch>,
): AsyncGenerator<readonly Result[]> {
  let count = 0;
  let results: Result[] = [];
  for await (const batch of batches) {
    for (const json of rowsAsJson(batch)) {
      results.push({ messageId: `${id}/${count}`, body: Buffer.from(json) });
      count += 1;
      if (results.length < RESULTS_AT_ONCE) continue;
      yield results;
      results = [];
    }
  }
  if (results.length > 0) yield results;
}
