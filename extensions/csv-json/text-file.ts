import { crc32 } from "node:zlib";
import type { RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { inputCorrupt } from "../../shared/dataset/input-errors.ts";
import { columnIndices } from "../../shared/dataset/schema-columns.ts";
import type { InputFile, RowGroup } from "../../shared/domain/dataset.ts";
import type { FormatReader } from "../../shared/extension/format.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { jsonSchema } from "./json/json-columns.ts";
import { indexPacking, type TextForm, type TextIndex, type TextStretch } from "./op.ts";
import { type RecordRun, type RunRows, rowsOfRun } from "./record-batches.ts";
import { RecordTable } from "./record-table.ts";
import { scanRecords } from "./scan-records.ts";
import { readContent } from "./text-content.ts";
import type { TextParser } from "./text-parser.ts";

/**
 * Size of a run of stretches that are read and parsed together. Below it, the overhead of each call is
 * noticeable.
 */
const RUN_BYTES = 2 << 20;

/** Reader of text files by their indices. */
export class TextReader implements FormatReader {
  #parser: Promise<TextParser> | null = null;

  async open(source: ByteSource, planned: InputFile): Promise<DatasetFile> {
    const index = present(planned.text, "a text file has an index") as TextIndex;
    const { form } = index;
    if (form.kind === "json")
      return new TextFile(source, planned, { index, parser: null, schema: jsonSchema(form.fields) });
    this.#parser ??= import("./text-parser.ts").then(({ TextParser }) => TextParser.open());
    const parser = await this.#parser;
    return new TextFile(source, planned, { index, parser, schema: await parser.schemaOf(form) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const parser = await this.#parser?.catch(() => null);
    await parser?.[Symbol.asyncDispose]();
  }
}

interface Opened {
  readonly index: TextIndex;
  /** Parser of CSV. Null: JSON Lines. */
  readonly parser: TextParser | null;
  readonly schema: Schema;
}

/** Consecutive stretches with the range of requested rows. */
interface WantedRun {
  readonly stretches: readonly TextStretch[];
  /** Row of the file that begins the first stretch. */
  readonly firstRow: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

class TextFile implements DatasetFile {
  readonly path: string;
  readonly format: InputFile["format"];
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  /** Digest from the plan. Reads check each stretch against the index. */
  readonly footerSha256: Digest;
  readonly #source: ByteSource;
  readonly #index: TextIndex;
  readonly #parser: TextParser | null;

  constructor(source: ByteSource, planned: InputFile, { index, parser, schema }: Opened) {
    this.path = source.path;
    this.format = planned.format;
    this.schema = schema;
    this.rows = planned.rows;
    this.rowGroups = index.stretches.map(({ rows, bytes }) => ({ rows, bytes }));
    this.footerSha256 = planned.footerSha256;
    this.#source = source;
    this.#index = index;
    this.#parser = parser;
  }

  statistics(): null {
    return null;
  }

  async *read({ rowStart, rowEnd, columns, signal, onBadRow }: ReadOptions): AsyncGenerator<RecordBatch> {
    const requested = columns.length === 0 ? [] : columnIndices(this.schema, columns, this.path);
    const schema = this.schema.selectAt([...requested]);
    const form: TextForm = this.#index.form;
    const parse = (run: RecordRun) => rowsOfRun(run, { form, schema, requested, parser: this.#parser });
    let next: Promise<RunRows> | null = null;
    try {
      for await (const run of this.#runs(rowStart, rowEnd, signal)) {
        const rows: RunRows | null = await next;
        next = parse(run);
        // The error is rethrown at its turn, and is ignored when the consumer stops early.
        next.catch(() => {});
        if (rows !== null) yield* this.#rows(rows, onBadRow, signal);
      }
      if (next !== null) yield* this.#rows(await next, onBadRow, signal);
    } finally {
      await next?.catch(() => {});
    }
  }

  [Symbol.dispose](): void {}

  *#rows(
    { batches, bad }: RunRows,
    onBadRow: ReadOptions["onBadRow"],
    signal: AbortSignal,
  ): Generator<RecordBatch> {
    for (const row of bad) {
      if (onBadRow === undefined) throw badRecord(this.path, row.message);
      onBadRow(row);
    }
    for (const batch of batches) {
      yield batch;
      signal.throwIfAborted();
    }
  }

  async *#runs(rowStart: number, rowEnd: number, signal: AbortSignal): AsyncGenerator<RecordRun> {
    const wanted = wantedRuns(this.#index, rowStart, rowEnd);
    const content = this.#contentOf(wanted, signal);
    try {
      for (const run of wanted) {
        const { value } = await content.next();
        signal.throwIfAborted();
        yield this.#records(run, present(value ?? null, "there are bytes for each run"));
      }
    } finally {
      // Stops decompression after an early stop or an error.
      await content.return();
    }
  }

  /** Reads the bytes of each run. */
  async *#contentOf(runs: readonly WantedRun[], signal: AbortSignal): AsyncGenerator<Buffer, void> {
    const packing = indexPacking(this.#index);
    if (packing === null) {
      for (const { stretches } of runs) {
        const { start, bytes } = spanOf(stretches);
        const read = await this.#source.read(start, start + bytes, signal);
        yield Buffer.from(read.buffer, read.byteOffset, read.byteLength);
      }
      return;
    }
    const first = runs[0]?.stretches[0];
    if (first === undefined) return;
    let waiting: Buffer[] = [];
    let held = 0;
    let run = 0;
    for await (const piece of readContent(this.#source, { packing, start: first.start, signal })) {
      waiting.push(piece);
      held += piece.length;
      for (let next = runs[run]; next !== undefined; next = runs[run]) {
        const { bytes } = spanOf(next.stretches);
        if (held < bytes) break;
        const all = Buffer.concat(waiting);
        yield all.subarray(0, bytes);
        waiting = [all.subarray(bytes)];
        held -= bytes;
        run += 1;
      }
      if (run === runs.length) return;
    }
    throw changed(this.path, "the end of its content");
  }

  #records({ stretches, firstRow, rowStart, rowEnd }: WantedRun, bytes: Buffer): RecordRun {
    const { start } = spanOf(stretches);
    for (const stretch of stretches) {
      const from = stretch.start - start;
      const found = crc32(bytes.subarray(from, from + stretch.bytes));
      if (found !== stretch.crc32)
        throw changed(this.path, `bytes ${stretch.start} to ${stretch.start + stretch.bytes}`);
    }
    const table = new RecordTable(stretches[0]?.line ?? 1);
    scanRecords(bytes, this.#index.form, true, table);
    const expected = stretches.reduce((sum, { rows }) => sum + rows, 0);
    if (table.length !== expected)
      throw new Error(`broken invariant: ${table.length} records where the index has ${expected}`);
    return { bytes, table, from: rowStart - firstRow, to: rowEnd - firstRow, start, row: rowStart };
  }
}

function spanOf(stretches: readonly TextStretch[]): { readonly start: number; readonly bytes: number } {
  const bytes = stretches.reduce((sum, stretch) => sum + stretch.bytes, 0);
  return { start: stretches[0]?.start ?? 0, bytes };
}

/** Returns the stretches of rows `[rowStart, rowEnd)` in order, grouped into runs. */
function wantedRuns({ stretches, firstRow }: TextIndex, rowStart: number, rowEnd: number): WantedRun[] {
  const runs: { stretches: TextStretch[]; firstRow: number; rowStart: number; rowEnd: number }[] = [];
  let row = firstRow;
  let bytes = 0;
  for (const stretch of stretches) {
    const from = Math.max(row, rowStart);
    const to = Math.min(row + stretch.rows, rowEnd);
    if (from < to) {
      const last = runs.at(-1);
      if (last !== undefined && bytes + stretch.bytes <= RUN_BYTES) {
        last.stretches.push(stretch);
        last.rowEnd = to;
        bytes += stretch.bytes;
      } else {
        runs.push({ stretches: [stretch], firstRow: row, rowStart: from, rowEnd: to });
        bytes = stretch.bytes;
      }
    }
    row += stretch.rows;
  }
  return runs;
}

function badRecord(path: string, message: string): ShardmillError {
  return inputCorrupt({ path, where: message, expected: "a record of its columns", found: message });
}

function changed(path: string, what: string): ShardmillError {
  return new ShardmillError("INPUT_CHANGED", `${path} changed since the job was planned`, {
    fields: { path, what, expected: "the bytes that were planned", found: "others" },
    hint: "run the job again with --fresh to read the file as it is now",
  });
}
