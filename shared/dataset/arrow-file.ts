import type { RecordBatch, Schema, Vector } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import type { Digest } from "../core/digest.ts";
import { mapConcurrent } from "../core/map-concurrent.ts";
import type { RowGroup } from "../domain/dataset.ts";
import type { ByteSource } from "../storage/storage.ts";
import { loadColumns, loadDictionary } from "./arrow-columns.ts";
import { type ArrowIndex, readArrowIndex } from "./arrow-index.ts";
import { dictionaryIds } from "./arrow-metadata.ts";
import type { DatasetFile, IpcMessage, MessageRead, ReadOptions } from "./dataset-file.ts";
import { cutRowGroups, type GroupSlice } from "./group-slices.ts";
import { inputCorrupt } from "./input-errors.ts";
import { openAhead } from "./open-ahead.ts";
import { recordBatchOf } from "./record-batch.ts";
import { columnIndices, refuseUnusableColumns } from "./schema-columns.ts";

/** Opens an Arrow IPC file or stream, and reads only its metadata. Row groups are record batches. */
export async function openArrowFile(source: ByteSource, signal: AbortSignal): Promise<DatasetFile> {
  const index = await readArrowIndex(source, signal);
  refuseUnusableColumns(index.schema, source.path);
  const rowGroups = index.batches.map(({ message }, batch) => {
    const { length: rows } = message.header;
    if (Number.isSafeInteger(rows) && rows >= 0) return { rows, bytes: message.bodyBytes };
    throw inputCorrupt({
      path: source.path,
      where: `record batch ${batch}`,
      expected: "a count of rows",
      found: `${rows}`,
    });
  });
  return new ArrowDatasetFile(source, index, rowGroups);
}

function endOf(batch: ArrowIndex["batches"][number] | undefined): number {
  return batch === undefined ? 0 : batch.bodyStart + batch.message.bodyBytes;
}

class ArrowDatasetFile implements DatasetFile {
  readonly format = "arrow";
  readonly path: string;
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  readonly footerSha256: Digest;
  readonly #source: ByteSource;
  readonly #index: ArrowIndex;
  /** Dictionaries by id, loaded when columns need them. */
  readonly #dictionaries = new Map<number, Vector>();

  constructor(source: ByteSource, index: ArrowIndex, rowGroups: readonly RowGroup[]) {
    this.path = source.path;
    this.schema = index.schema;
    this.rowGroups = rowGroups;
    this.rows = rowGroups.reduce((sum, group) => sum + group.rows, 0);
    this.footerSha256 = index.footerSha256;
    this.#source = source;
    this.#index = index;
  }

  statistics(): null {
    return null;
  }

  async *read({ rowStart, rowEnd, columns, budget, signal }: ReadOptions): AsyncGenerator<RecordBatch> {
    const indices = columnIndices(this.schema, columns, this.path);
    const slices = cutRowGroups(this.rowGroups, rowStart, rowEnd);
    await this.#loadDictionaries(indices, signal);
    const batches = openAhead(slices, {
      bytesOf: ({ group }) => this.rowGroups[group]?.bytes ?? 0,
      open: (slice) => this.#load(slice, indices, signal),
      ...{ budget, signal },
    });
    for await (const batch of batches) {
      yield batch;
      signal.throwIfAborted();
    }
  }

  messages(group: number, mostBytes: number, signal: AbortSignal): MessageRead {
    const { batches } = this.#index;
    const start = present(batches[group], "a batch").metadataStart;
    let end = group + 1;
    let bytesEnd = endOf(batches[group]);
    // A footer may list batches in another order than the file has them.
    for (let next = batches[end]; next !== undefined && next.metadataStart >= bytesEnd; next = batches[end]) {
      if (endOf(next) - start > mostBytes) break;
      bytesEnd = endOf(next);
      end += 1;
    }
    const cut = (bytes: Uint8Array) =>
      batches.slice(group, end).map(({ message, metadataStart, metadataBytes, bodyStart }): IpcMessage => {
        const header = bytes.subarray(metadataStart - start, metadataStart - start + metadataBytes);
        return { header, body: [bytes.subarray(bodyStart - start, bodyStart - start + message.bodyBytes)] };
      });
    return { end, messages: this.#source.read(start, bytesEnd, signal).then(cut) };
  }

  async #load(
    { group, offset, rows }: GroupSlice,
    indices: readonly number[],
    signal: AbortSignal,
  ): Promise<RecordBatch> {
    const entry = this.#index.batches[group];
    assert(entry !== undefined, "a row group is a record batch");
    const { header, bodyBytes } = entry.message;
    const body = { start: entry.bodyStart, bytes: bodyBytes };
    const place = { source: this.#source, where: `record batch ${group}`, signal };
    const file = { schema: this.schema, dictionaries: this.#dictionaries };
    const children = await loadColumns(file, { header, body, indices }, place);
    const schema = this.schema.selectAt([...indices]);
    const batch = recordBatchOf(schema, header.length, children);
    return rows === header.length ? batch : batch.slice(offset, offset + rows);
  }

  /** Loads dictionaries in file order: a delta or a nested dictionary may refer to an earlier one. */
  async #loadDictionaries(indices: readonly number[], signal: AbortSignal): Promise<void> {
    const { schema, dictionaries } = this.#index;
    const needed = new Set(indices.flatMap((index) => dictionaryIds(schema.fields[index]?.type)));
    const missing = new Set([...needed].filter((id) => !this.#dictionaries.has(id)));
    const wanted = dictionaries.filter(({ message }) => missing.has(message.header.id));
    const bodies = await mapConcurrent(wanted, 4, ({ message, bodyStart }) =>
      message.bodyBytes === 0
        ? Promise.resolve(new Uint8Array())
        : this.#source.read(bodyStart, bodyStart + message.bodyBytes, signal),
    );
    const loaded = new Map(this.#dictionaries);
    for (const [position, { message }] of wanted.entries()) {
      const body = bodies[position] ?? new Uint8Array();
      await loadDictionary({ schema, dictionaries: loaded }, message.header, body, this.path);
    }
    for (const [id, values] of loaded) this.#dictionaries.set(id, values);
  }

  [Symbol.dispose](): void {
    this.#dictionaries.clear();
  }
}
