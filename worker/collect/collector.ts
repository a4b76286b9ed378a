import {
  type Field as ArrowField,
  type Schema as ArrowSchema,
  type Data,
  type RecordBatch,
  Schema,
  Table,
} from "apache-arrow";
import { assert, present } from "../../shared/core/assert.ts";
import { recordOf } from "../../shared/core/record-of.ts";
import { fieldTypeOf } from "../../shared/dataset/fields.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { parquetFault } from "../../shared/dataset/parquet-form.ts";
import { plainField } from "../../shared/dataset/plain-type.ts";
import { columnData, indexOfColumns, quickSchema, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { DeadLetter } from "../../shared/domain/partial.ts";
import { NOTED_COUNTS, type RowCounts } from "../../shared/domain/row-counts.ts";
import type { BatchOutcome } from "../batch/batch-runner.ts";
import { countDistinct, type InputChunk, type RowRange } from "../tensorize/input-chunk.ts";
import { cutChunk } from "./cut-chunk.ts";
import { DeadLetterTable } from "./dead-letters.ts";
import { createOutputWriter, type OutputWriter } from "./output-writer.ts";
import { writeOutcome } from "./write-outcome.ts";

/** Result of a shard's rows, with the data that later steps need. */
export interface MappedShard extends ShardResult {
  /** Source row in the shard for each row of `rows`, by record batch. Null: no steps follow. */
  readonly sources: readonly Uint32Array[] | null;
  /** Mapped rows of the shard that steps noted, by count. */
  readonly noted: Readonly<Record<(typeof NOTED_COUNTS)[number], ReadonlySet<number>>>;
  /** Dead letters so far. Later steps may add more. */
  readonly letters: DeadLetterTable;
}

/** Rows of a shard to write, and their counts. */
export interface ShardResult extends RowCounts {
  /** Kept columns and outputs, in input order. */
  readonly rows: Table;
  /** Dead letters. Null: none. */
  readonly deadLetters: Table | null;
  readonly firstDeadLetter: DeadLetter | null;
}

/**
 * Size limit of a piece of a shard's tables, far below Arrow's offset limit of 2^31. The writer cuts the
 * pieces again, except for unions.
 */
const PIECE_BYTES = 256 << 20;

/** Most bytes of one UTF-16 unit in UTF-8. */
const UTF8_BYTES = 3;

interface CollectorOptions {
  readonly map: MapBinding;
  /** Schema of the input files. Kept columns have its types even if no row remains. */
  readonly schema: ArrowSchema;
  /** Files and rows of the shard. */
  readonly slices: readonly LeaseSlice[];
  readonly shardRows: number;
  /** Size limit of a piece of the tables. */
  readonly mostBytes?: number;
  /** Called when a chunk's kept rows are copied, and its memory is no longer used here. */
  readonly onClosed?: (chunk: InputChunk) => void;
}

/**
 * Collects the model's outputs for a shard's batches, in any order of rows, and builds tables in input order.
 * Pieces of the tables follow the input's record batches, and are cut further by bytes only. So the model's
 * batches do not affect the bytes: equal shards give equal bytes.
 */
export class Collector {
  readonly #writers: readonly OutputWriter[];
  readonly #map: MapBinding;
  readonly #keep: readonly ArrowField[];
  /** Kept columns of dead letters, which are always Parquet. Columns that Parquet cannot hold are skipped. */
  readonly #keepDeadLetters: readonly ArrowField[];
  readonly #schema: Schema;
  readonly #deadLetters: DeadLetterTable;
  readonly #shardRows: number;
  readonly #mostBytes: number;
  readonly #onClosed: (chunk: InputChunk) => void;
  /** Chunks with pending rows, and all chunks behind them, in order. */
  readonly #open: InputChunk[] = [];
  readonly #batches: RecordBatch[] = [];
  /** Source row in the shard for each row, by record batch. Null: no steps follow. */
  readonly #sources: Uint32Array[] | null;
  readonly #noted = recordOf(NOTED_COUNTS, () => new Set<number>());
  #rowsIn = 0;
  #rowsOpened = 0;
  #rowsMapped = 0;
  #rowsFiltered = 0;
  #rowsOut = 0;

  constructor(options: CollectorOptions) {
    const { map, schema, slices, shardRows, mostBytes = PIECE_BYTES, onClosed = () => {} } = options;
    this.#sources = map.finish.length > 0 ? [] : null;
    this.#mostBytes = mostBytes;
    this.#map = map;
    this.#shardRows = shardRows;
    this.#onClosed = onClosed;
    this.#writers = map.outputs.map((binding) => createOutputWriter(binding, shardRows));
    const index = indexOfColumns(schema);
    this.#keep = map.keep.map(({ name }) => plainField(present(schema.fields[index.get(name) ?? -1], name)));
    const made = this.#writers.flatMap(({ columns }) => columns.map(({ field }) => field));
    this.#schema = quickSchema(new Schema([...this.#keep, ...made]));
    this.#keepDeadLetters = this.#keep.filter(({ type }) => parquetFault(fieldTypeOf(type)) === null);
    this.#deadLetters = new DeadLetterTable(slices, this.#keepDeadLetters);
  }

  /** Number of the shard's rows that are mapped, filtered or dead-lettered. */
  get rowsDone(): number {
    const pending = ({ sourceRows, rowsPending, rows }: InputChunk) =>
      rowsPending === 0 ? 0 : Math.ceil((sourceRows * rowsPending) / rows);
    return this.#rowsIn - this.#open.reduce((total, chunk) => total + pending(chunk), 0);
  }

  /** Adds a chunk of the input, in order, before any of its rows is collected. */
  open(chunk: InputChunk): void {
    this.#rowsIn += chunk.sourceRows;
    assert(this.#rowsIn <= this.#shardRows, "a shard's read gives no more than its rows");
    assert(chunk.place === this.#rowsOpened, "chunks are opened in order");
    this.#rowsOpened += chunk.rows;
    this.#rowsFiltered += chunk.filteredRows;
    for (const writer of this.#writers) writer.open(chunk, chunk.place);
    this.#open.push(chunk);
    this.#closeFinished();
  }

  /** @throws {MODEL_SHAPE} when a tensor's shape differs from the plan */
  collect(outcomes: readonly BatchOutcome[]): void {
    for (const outcome of outcomes) writeOutcome(outcome, this.#map, this.#writers);
    this.#closeFinished();
  }

  /** Returns the result. Call it after all rows are collected. */
  finish(): MappedShard {
    assert(this.#open.length === 0, "every row of the shard has an outcome");
    const rowsDeadLettered = this.#deadLetters.rows;
    const counted = this.#rowsMapped + this.#rowsFiltered + rowsDeadLettered;
    assert(this.#rowsIn === counted, "every row is mapped, filtered or a dead letter");
    return {
      rowsIn: this.#rowsIn,
      rowsMapped: this.#rowsMapped,
      rowsFiltered: this.#rowsFiltered,
      rowsOut: this.#rowsOut,
      ...recordOf(NOTED_COUNTS, (name) => this.#noted[name].size),
      rowsDeadLettered,
      rowsReduced: 0,
      rows: tableOf(this.#schema, this.#batches),
      deadLetters: this.#deadLetters.finish(),
      firstDeadLetter: this.#deadLetters.first,
      sources: this.#sources,
      noted: this.#noted,
      letters: this.#deadLetters,
    };
  }

  #countMapped(chunk: InputChunk, live: readonly RowRange[]): void {
    const { noted, sources, sourceStart } = chunk.origin;
    // Rows that were only read are their own sources.
    if (sources === null && NOTED_COUNTS.every((name) => noted[name].length === 0)) {
      for (const { start, end } of live) this.#rowsMapped += end - start;
      return;
    }
    const mapped = sourcesOf(chunk, live);
    this.#rowsMapped += countDistinct(mapped);
    for (const name of NOTED_COUNTS) {
      if (noted[name].length === 0) continue;
      const isIn = new Set(noted[name].map((row) => sourceStart + row));
      for (const row of mapped) if (isIn.has(row)) this.#noted[name].add(row);
    }
  }

  #closeFinished(): void {
    while (this.#open[0]?.rowsPending === 0) {
      const chunk = this.#open.shift();
      if (chunk !== undefined) this.#close(chunk);
    }
  }

  /** Copies the kept rows of a chunk, then releases its memory. */
  #close(chunk: InputChunk): void {
    const kept = columnsOf(chunk, this.#keep);
    const columns = this.#writers.flatMap((writer) => writer.columns);
    const madeBytes = columns.reduce((bytes, { mostOffsetBytes }) => bytes + mostOffsetBytes, 0);
    const ragged = columns.filter(({ bytesOf }) => bytesOf !== undefined);
    const bytesOf = (row: number) =>
      ragged.reduce((bytes, column) => bytes + (column.bytesOf?.(chunk.place + row) ?? 0), 0);
    const runs = chunk.runs("live");
    const live = { kept, runs, rowBytes: madeBytes, bytesOf: ragged.length > 0 ? bytesOf : undefined };
    this.#countMapped(chunk, live.runs);
    for (const { runs, rows } of cutChunk(live, this.#mostBytes)) {
      const places = runs.map(({ start, end }) => ({
        start: chunk.place + start,
        end: chunk.place + end,
      }));
      const made = columns.map((column) => column.take(places));
      this.#batches.push(recordBatchOf(this.#schema, rows, [...gatherRuns(kept, runs), ...made]));
      this.#rowsOut += rows;
      this.#sources?.push(sourcesOf(chunk, runs));
    }
    const letters = chunk.deadLetters().map(([row, reason]) => [chunk.sourceOf(row), reason] as const);
    const longest = letters.reduce((bytes, [, { message }]) => Math.max(bytes, message.length), 0);
    const deadLetters = {
      kept: columnsOf(chunk, this.#keepDeadLetters),
      runs: chunk.runs("deadLetters"),
      rowBytes: this.#deadLetters.placeBytes + longest * UTF8_BYTES,
    };
    let taken = 0;
    for (const { runs, rows } of cutChunk(deadLetters, this.#mostBytes)) {
      this.#deadLetters.add(letters.slice(taken, taken + rows), gatherRuns(deadLetters.kept, runs));
      taken += rows;
    }
    this.#onClosed(chunk);
  }
}

/** Returns the source rows in the shard for the rows of `runs`. */
function sourcesOf(chunk: InputChunk, runs: readonly RowRange[]): Uint32Array {
  const rows = runs.reduce((total, { start, end }) => total + end - start, 0);
  const sources = new Uint32Array(rows);
  let at = 0;
  for (const { start, end } of runs) {
    for (let row = start; row < end; row += 1) {
      sources[at] = chunk.sourceOf(row);
      at += 1;
    }
  }
  return sources;
}

function columnsOf({ batch }: InputChunk, fields: readonly ArrowField[]): readonly Data[] {
  return fields.map(({ name }) => columnData(batch, name));
}

function gatherRuns(columns: readonly Data[], runs: readonly RowRange[]): readonly Data[] {
  return columns.map((data) =>
    gather(
      data.type,
      runs.map(({ start, end }) => ({ data, start, end })),
    ),
  );
}

/** Builds a table. Without batches, the table is empty and still has its columns. */
export function tableOf(schema: Schema, batches: readonly RecordBatch[]): Table {
  if (batches.length > 0) return new Table(schema, [...batches]);
  return new Table(schema, [
    recordBatchOf(
      schema,
      0,
      schema.fields.map(({ type }) => gather(type, [])),
    ),
  ]);
}
