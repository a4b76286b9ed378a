import { crc32 } from "node:zlib";
import type { RecordBatch, Schema } from "apache-arrow";
import { assert, present } from "../../shared/core/assert.ts";
import type { Digest } from "../../shared/core/digest.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { BadRow, DatasetFile, ReadOptions } from "../../shared/dataset/dataset-file.ts";
import { inputCorrupt } from "../../shared/dataset/input-errors.ts";
import { openAhead } from "../../shared/dataset/open-ahead.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import { columnIndices } from "../../shared/dataset/schema-columns.ts";
import { textColumn } from "../../shared/dataset/text-column.ts";
import type { InputFile, RowGroup } from "../../shared/domain/dataset.ts";
import type { FormatReader } from "../../shared/extension/format.ts";
import { planRanges } from "../../shared/storage/plan-ranges.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { memberColumn, tarSchema } from "./member-column.ts";
import type { TarIndex } from "./op.ts";
import type { IndexedMember } from "./packed-members.ts";
import { PieceReader } from "./piece-reader.ts";
import { type RowRun, rowRuns } from "./row-runs.ts";
import { contentOf } from "./tar-content.ts";

/** Reader of WebDataset files by their indices. */
export class TarReader implements FormatReader {
  async open(source: ByteSource, planned: InputFile): Promise<DatasetFile> {
    return new TarFile(source, planned);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** Requests at once for the ranges of one run. */
const REQUESTS_AT_ONCE = 8;

/** Returns the contents of members, in the order of the members. */
type ReadMembers = (members: readonly IndexedMember[]) => Promise<readonly Buffer[]>;

class TarFile implements DatasetFile {
  readonly path: string;
  readonly format: InputFile["format"];
  readonly schema: Schema;
  readonly rows: number;
  readonly rowGroups: readonly RowGroup[];
  /** Digest from the plan. Reads check each member against the index. */
  readonly footerSha256: Digest;
  readonly #source: ByteSource;
  readonly #index: TarIndex;

  constructor(source: ByteSource, planned: InputFile) {
    this.#index = present(planned.text, "a tar has an index") as TarIndex;
    this.path = source.path;
    this.format = planned.format;
    this.schema = tarSchema(this.#index.form.fields);
    this.rows = planned.rows;
    this.rowGroups = this.#index.stretches.map(({ keys, bytes }) => ({ rows: keys.length, bytes }));
    this.footerSha256 = planned.footerSha256;
    this.#source = source;
  }

  statistics(): null {
    return null;
  }

  async *read(options: ReadOptions): AsyncGenerator<RecordBatch> {
    const { rowStart, rowEnd, columns, signal, budget } = options;
    signal.throwIfAborted();
    // A row of a tar is never bad as a whole.
    if (columns.length === 0) return;
    const requested = columnIndices(this.schema, columns, this.path);
    const { packing } = this.#index;
    const runs = rowRuns(this.#index, { rowStart, rowEnd, columns: requested });
    const reader = packing === "none" ? null : new PieceReader(contentOf(this.#source, packing, signal));
    const readMembers: ReadMembers =
      reader === null
        ? (members) => this.#readRanges(members, signal)
        : (members) => this.#readOn(reader, members);
    const opened = openAhead(runs, {
      bytesOf: ({ bytes }) => bytes,
      open: async (run) => this.#checked(run, await readMembers(run.members)),
      // A stream has one place.
      isAhead: reader === null,
      budget,
      signal,
    });
    try {
      for await (const contents of opened) {
        yield this.#batch(contents, requested, options.onBadRow);
        signal.throwIfAborted();
      }
    } finally {
      // Stops decompression after an early stop or an error.
      await reader?.end();
    }
  }

  [Symbol.dispose](): void {}

  async #readRanges(members: readonly IndexedMember[], signal: AbortSignal): Promise<readonly Buffer[]> {
    const wanted = members.map(({ start, bytes }) => ({ start, end: start + bytes }));
    const ranges = planRanges(wanted);
    const pieces = await mapConcurrent(ranges, REQUESTS_AT_ONCE, async ({ start, end }) => {
      const { buffer, byteOffset, byteLength } = await this.#source.read(start, end, signal);
      return Buffer.from(buffer, byteOffset, byteLength);
    });
    let range = 0;
    return wanted.map(({ start, end }) => {
      while ((ranges[range]?.end ?? end) <= start && start < end) range += 1;
      const parts: Buffer[] = [];
      for (let at = range; (ranges[at]?.start ?? end) < end; at += 1) {
        const from = present(ranges[at], "a range has a start").start;
        parts.push(
          present(pieces[at], "each range was read").subarray(Math.max(0, start - from), end - from),
        );
      }
      const [only] = parts;
      return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
    });
  }

  async #readOn(reader: PieceReader, members: readonly IndexedMember[]): Promise<readonly Buffer[]> {
    const contents: Buffer[] = [];
    for (const { start, bytes } of members) {
      assert(start >= reader.at, "members are read in order");
      await reader.pass(start - reader.at);
      // Empty members share no piece. Others are copied before the next piece.
      contents.push(Buffer.from(await reader.take(bytes)));
    }
    return contents;
  }

  #checked(run: RowRun, contents: readonly Buffer[]): { run: RowRun; contents: readonly Buffer[] } {
    for (const [at, content] of contents.entries()) {
      const { start, bytes, crc32: expected } = present(run.members[at], "each content has a member");
      if (content.length !== bytes || crc32(content) !== expected) throw changed(this.path, start, bytes);
    }
    return { run, contents };
  }

  #batch(
    { run, contents }: { readonly run: RowRun; readonly contents: readonly Buffer[] },
    requested: readonly number[],
    onBadRow: ReadOptions["onBadRow"],
  ): RecordBatch {
    const { fields } = this.#index.form;
    const bad = new Map<number, string>();
    const children = requested.map((column) => {
      if (column === 0) return textColumn(run.keys);
      const { name, type } = present(fields[column], "a requested column is one of the form");
      const places = run.rows.map((row) => row.get(column - 1) ?? null);
      const { data, faults } = memberColumn(
        type,
        places.map((place) => (place === null ? null : present(contents[place], "a member was read"))),
      );
      for (const [row, fault] of faults) {
        const at = run.members[places[row] ?? 0]?.start;
        const member = JSON.stringify(`${run.keys[row]}.${name}`);
        bad.set(row, bad.get(row) ?? `member ${member} (byte ${at}), column ${name}: ${fault}`);
      }
      return data;
    });
    for (const row of [...bad.keys()].sort((a, b) => a - b))
      report(this.path, { row: run.rowStart + row, message: bad.get(row) ?? "" }, onBadRow);
    return recordBatchOf(this.schema.selectAt([...requested]), run.keys.length, children);
  }
}

function report(path: string, bad: BadRow, onBadRow: ReadOptions["onBadRow"]): void {
  const { message } = bad;
  if (onBadRow !== undefined) onBadRow(bad);
  else throw inputCorrupt({ path, where: message, expected: "a value of its column", found: message });
}

function changed(path: string, start: number, bytes: number): ShardmillError {
  const what = `bytes ${start} to ${start + bytes}`;
  return new ShardmillError("INPUT_CHANGED", `${path} changed since the job was planned`, {
    fields: { path, what, expected: "the bytes that were planned", found: "others" },
    hint: "run the job again with --fresh to read the file as it is now",
  });
}
