import { isUtf8 } from "node:buffer";
import {
  Binary,
  type Data,
  type DataType,
  Field,
  Int64,
  makeData,
  type RecordBatch,
  Schema,
  TimestampMillisecond,
  Utf8,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { formatBytes } from "../../shared/core/units.ts";
import type { DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { UNCOUNTED } from "../../shared/dataset/fetch-budget.ts";
import { inputCorrupt } from "../../shared/dataset/input-errors.ts";
import { quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { columnIndices } from "../../shared/dataset/schema-columns.ts";
import { offsetsBehind, textColumn, validity } from "../../shared/dataset/text-column.ts";
import type { InputFile, RowGroup } from "../../shared/domain/dataset.ts";
import { below } from "../../shared/domain/location.ts";
import type { FetchListed } from "../../shared/storage/row-file.ts";
import { CONTENT, cutFiles, type FilesIndex, fileAt, folderIn } from "./op.ts";

/** Limit of a file, above that of any decodable image. A file is read whole. */
const MAX_FILE_BYTES = 256 << 20;

/** Files that are fetched at once: each is a round trip to a store. */
const FILES_AHEAD = 32;

/** Bytes that are fetched ahead, besides one file. More would only fill the memory. */
const AHEAD_BYTES = 64 << 20;

/** Limits of a batch with content. A step holds a whole batch, and the model waits for the first one. */
const BATCH = { rows: 256, bytes: 4 << 20 };

/** Rows of a batch without content. */
const FACT_ROWS = 8_192;

/** Opens a planned list of files. */
export function openFiles(planned: InputFile, fetch: FetchListed): DatasetFile {
  return new FileList(planned, fetch);
}

class FileList implements DatasetFile {
  readonly path: string;
  readonly format: InputFile["format"];
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  readonly footerSha256: Digest;
  readonly #index: FilesIndex;
  readonly #fetch: FetchListed;

  constructor(planned: InputFile, fetch: FetchListed) {
    this.path = planned.path;
    this.format = planned.format;
    this.rows = planned.rows;
    this.rowGroups = [{ rows: planned.rows, bytes: planned.bytes }];
    // Each file is checked by its own version, when it is fetched.
    this.footerSha256 = planned.footerSha256;
    this.#index = present(planned.text, "a list of files has an index") as FilesIndex;
    this.schema = schemaOf(this.#index);
    this.#fetch = fetch;
  }

  statistics(): null {
    return null;
  }

  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { rowStart, rowEnd, columns, signal } = options;
    // Only reads of content find bad rows.
    if (columns.length === 0) return;
    const requested = columnIndices(this.schema, columns, this.path);
    const schema = quickSchema(this.schema.selectAt([...requested]));
    if (columns.includes(CONTENT)) {
      yield* this.#withContent(schema, options);
      return;
    }
    for (let row = rowStart; row < rowEnd; row += FACT_ROWS) {
      signal.throwIfAborted();
      yield batchOf(schema, cutFiles(this.#index, row, Math.min(row + FACT_ROWS, rowEnd)), []);
    }
  }

  [Symbol.dispose](): void {}

  async *#withContent(schema: Schema, options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { rowStart, onBadRow } = options;
    let contents: (Uint8Array | null)[] = [];
    let bytes = 0;
    let from = rowStart;
    const cut = () => {
      const batch = batchOf(schema, cutFiles(this.#index, from, from + contents.length), contents);
      from += contents.length;
      contents = [];
      bytes = 0;
      return batch;
    };
    for await (const { row, content } of this.#contents(options)) {
      if (typeof content === "string") {
        const { path } = fileAt(this.#index, row);
        if (onBadRow === undefined)
          throw inputCorrupt({ path, where: CONTENT, expected: "a file that can be read", found: content });
        onBadRow({ row, message: `the file ${content}` });
      }
      const read = typeof content === "string" ? null : content;
      contents.push(read);
      bytes += read?.length ?? 0;
      if (contents.length >= BATCH.rows || bytes >= BATCH.bytes) yield cut();
    }
    if (contents.length > 0) yield cut();
  }

  /** Fetches the content of each row, in order: its bytes, or why there are none. */
  async *#contents({ rowStart, rowEnd, signal, budget = UNCOUNTED }: ReadOptions) {
    let ahead = 0;
    const fetched = mapInOrder(
      rowsIn(rowStart, rowEnd),
      () => (ahead > AHEAD_BYTES ? 1 : FILES_AHEAD),
      async (row) => {
        const file = fileAt(this.#index, row);
        if (file.bytes > MAX_FILE_BYTES) {
          const most = formatBytes(MAX_FILE_BYTES);
          return { row, bytes: 0, content: `has ${formatBytes(file.bytes)}, more than ${most}` };
        }
        ahead += file.bytes;
        using share = budget.ask(file.bytes);
        await share.granted;
        const found = await this.#fetch(file, signal);
        const content = found.kind === "refused" ? found.why : this.#checked(found.bytes);
        return { row, bytes: file.bytes, content };
      },
    );
    for await (const { row, bytes, content } of fetched) {
      ahead -= bytes;
      yield { row, content };
    }
  }

  /** Checks the content of a text. */
  #checked(bytes: Uint8Array): Uint8Array | string {
    if (!isTextIn(this.#index)) return bytes;
    if (!isUtf8(bytes)) return "is not text in UTF-8";
    return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
  }
}

async function* rowsIn(rowStart: number, rowEnd: number): AsyncGenerator<number, void, undefined> {
  for (let row = rowStart; row < rowEnd; row += 1) yield row;
}

const TYPES: Readonly<Record<string, DataType>> = {
  size: new Int64(),
  modified: new TimestampMillisecond("UTC"),
};

function isTextIn({ form }: FilesIndex): boolean {
  return form.fields.some(({ name, type }) => name === CONTENT && type.kind === "string");
}

function schemaOf(index: FilesIndex): Schema {
  const content = isTextIn(index) ? new Utf8() : new Binary();
  const fields = index.form.fields.map(({ name, nullable }) => {
    const type = name === CONTENT ? content : (TYPES[name] ?? new Utf8());
    return new Field(name, type, nullable);
  });
  return quickSchema(new Schema(fields));
}

function batchOf(schema: Schema, files: FilesIndex, contents: readonly (Uint8Array | null)[]): RecordBatch {
  const children = schema.fields.map(({ name, type }) => columnOf(name, type, { files, contents }));
  return recordBatchOf(schema, files.paths.length, children);
}

function columnOf(
  name: string,
  type: DataType,
  { files, contents }: { readonly files: FilesIndex; readonly contents: readonly (Uint8Array | null)[] },
): Data {
  const { root, paths, bytes, versions, modified } = files;
  switch (name) {
    case "path":
      return textColumn(paths);
    case "folder":
      return textColumn(paths.map(folderIn));
    case "location":
      return textColumn(paths.map((path) => below(root, path)));
    case "version":
      return textColumn(versions);
    case "size":
      return makeData({ type: new Int64(), data: BigInt64Array.from(bytes, BigInt), nullCount: 0 });
    case "modified": {
      const data = BigInt64Array.from(modified, (time) => BigInt(Math.floor(time ?? 0)));
      const there = validity(modified.map((time) => time !== null));
      return makeData({ type: new TimestampMillisecond("UTC"), data, length: modified.length, ...there });
    }
    default:
      return contentColumn(type, contents);
  }
}

function contentColumn(type: DataType, contents: readonly (Uint8Array | null)[]): Data {
  const valueOffsets = offsetsBehind(contents.map((content) => content?.length ?? 0));
  const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
  for (const [row, content] of contents.entries()) if (content !== null) data.set(content, valueOffsets[row]);
  const layout = { length: contents.length, valueOffsets, data };
  const there = validity(contents.map((content) => content !== null));
  return type.typeId === new Utf8().typeId
    ? makeData({ type: new Utf8(), ...layout, ...there })
    : makeData({ type: new Binary(), ...layout, ...there });
}
