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
import { rowsRun } from "../batch/batch.ts";
import type { BatchOutcome } from "../batch/batch-runner.ts";
import { countDistinct, type InputChunk, type RowRange } from "../tensorize/input-chunk.ts";
import { cutChunk } from "./cut-chunk.ts";
import { DeadLetterTable } from "./dead-letters.ts";
import type { Placement } from "./output-column.ts";
import { checkTensor, createOutputWriter, type OutputWriter } from "./output-writer.ts";

/** Everything that a shard's rows became. */
export interface MappedShard extends ShardResult {
  /**
   * By record batch of `rows`, the row of the shard that each row came from; null where no step is to follow.
   */
  readonly sources: readonly Uint32Array[] | null;
  /** Mapped rows of the shard that steps noted, by the count in which they are. */
  readonly noted: Readonly<Record<(typeof NOTED_COUNTS)[number], ReadonlySet<number>>>;
  /** The dead letters so far: steps that follow may add to them. */
  readonly letters: DeadLetterTable;
}

/** What of a shard's rows is written. */
export interface ShardResult extends RowCounts {
  /** Kept columns and outputs, in input order. */
  readonly rows: Table;
  /** Null when there is none. */
  readonly dead: Table | null;
  readonly firstDead: DeadLetter | null;
}

/**
 * Bytes of a piece of a shard's tables, at most: a column's offsets end at 2^31, far above. What is written
 * is cut anew, but for unions, which are written in these pieces.
 */
const PIECE_BYTES = 256 << 20;

/** Bytes of one UTF-16 unit in UTF-8, at most. */
const UTF8_BYTES = 3;

interface CollectorOptions {
  readonly map: MapBinding;
  /** Of the input's files: kept columns have its types, even when no row is left. */
  readonly schema: ArrowSchema;
  /** Where the shard's rows lie. */
  readonly slices: readonly LeaseSlice[];
  readonly shardRows: number;
  /** Bytes of a piece of the tables, at most. */
  readonly mostBytes?: number;
  /** What was kept of a chunk is copied, and nothing here looks at its memory again. */
  readonly onClosed?: (chunk: InputChunk) => void;
}

/**
 * Takes what the model made of a shard's batches, in any order of rows, and builds its tables in the order of
 * the input. The pieces of the tables follow the input's record batches, whatever the model's batches, and
 * are cut further by bytes alone: the same shard gives the same bytes.
 */
export class Collector {
  readonly #writers: readonly OutputWriter[];
  readonly #map: MapBinding;
  readonly #keep: readonly ArrowField[];
  /** Dead letters are Parquet, whatever the rows are: what that cannot hold is left out of them. */
  readonly #keepDead: readonly ArrowField[];
  readonly #schema: Schema;
  readonly #dead: DeadLetterTable;
  readonly #shardRows: number;
  readonly #mostBytes: number;
  readonly #onClosed: (chunk: InputChunk) => void;
  /** Chunks with rows that are not settled, and those behind them, in order. */
  readonly #open: InputChunk[] = [];
  readonly #batches: RecordBatch[] = [];
  /** By record batch, the row of the shard that each row came from; kept where a step asks for it. */
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
    this.#keepDead = this.#keep.filter(({ type }) => parquetFault(fieldTypeOf(type)) === null);
    this.#dead = new DeadLetterTable(slices, this.#keepDead);
  }

  /** Rows of the shard that are mapped, filtered or dead. */
  get rowsDone(): number {
    const pending = ({ sourceRows, rowsPending, rows }: InputChunk) =>
      rowsPending === 0 ? 0 : Math.ceil((sourceRows * rowsPending) / rows);
    return this.#rowsIn - this.#open.reduce((total, chunk) => total + pending(chunk), 0);
  }

  /** A chunk of the input, in order, before any of its rows is collected. */
  open(chunk: InputChunk): void {
    this.#rowsIn += chunk.sourceRows;
    assert(this.#rowsIn <= this.#shardRows, "a shard's read gives no more than its rows");
    assert(chunk.place === this.#rowsOpened, "chunks are opened in order");
    this.#rowsOpened += chunk.rows;
    this.#rowsFiltered += chunk.filteredRows;
    for (const writer of this.#writers) writer.open(chunk, chunk.place);
    this.#open.push(chunk);
    this.#closeSettled();
  }

  /** @throws {MODEL_SHAPE} when a tensor is not of the shape that the plan was bound to */
  collect(outcomes: readonly BatchOutcome[]): void {
    for (const outcome of outcomes) {
      if (outcome.kind === "mapped") this.#write(outcome);
      else {
        for (const { chunk, start } of outcome.batch.pieces) {
          chunk.settleDead(start, { stage: "infer", code: "ROW_FAILED", message: outcome.message });
          if (this.#map.state !== undefined) chunk.settleSkipped(start);
        }
      }
    }
    this.#closeSettled();
  }

  /** To be called once all is collected. */
  finish(): MappedShard {
    assert(this.#open.length === 0, "every row of the shard is settled");
    const rowsDead = this.#dead.rows;
    const counted = this.#rowsMapped + this.#rowsFiltered + rowsDead;
    assert(this.#rowsIn === counted, "every row is mapped, filtered or dead");
    return {
      rowsIn: this.#rowsIn,
      rowsMapped: this.#rowsMapped,
      rowsFiltered: this.#rowsFiltered,
      rowsOut: this.#rowsOut,
      ...recordOf(NOTED_COUNTS, (name) => this.#noted[name].size),
      rowsDead,
      rows: tableOf(this.#schema, this.#batches),
      dead: this.#dead.finish(),
      firstDead: this.#dead.first,
      sources: this.#sources,
      noted: this.#noted,
      letters: this.#dead,
    };
  }

  #write({ batch, outputs }: Extract<BatchOutcome, { kind: "mapped" }>): void {
    const rows = rowsRun(batch.rows, this.#map);
    let tensorRow = 0;
    const placements = batch.pieces.map(({ chunk, start, end }): Placement => {
      const placement = { tensorRow, rows: end - start, place: chunk.place + start };
      tensorRow += end - start;
      return placement;
    });
    this.#map.outputs.forEach((binding, index) => {
      const tensor = checkTensor(outputs, binding, { rows, lengths: batch.lengths });
      this.#writers[index]?.write(tensor, placements);
    });
    for (const { chunk, start, end } of batch.pieces) chunk.settleMapped(end - start);
  }

  #note({ origin: { noted, sourceStart } }: InputChunk, mapped: Uint32Array): void {
    for (const name of NOTED_COUNTS) {
      if (noted[name].length === 0) continue;
      const isIn = new Set(noted[name].map((row) => sourceStart + row));
      for (const row of mapped) if (isIn.has(row)) this.#noted[name].add(row);
    }
  }

  #closeSettled(): void {
    while (this.#open[0]?.rowsPending === 0) {
      const chunk = this.#open.shift();
      if (chunk !== undefined) this.#close(chunk);
    }
  }

  /** Takes what is kept of the chunk's columns; after this nothing holds its memory. */
  #close(chunk: InputChunk): void {
    const kept = columnsOf(chunk, this.#keep);
    const columns = this.#writers.flatMap((writer) => writer.columns);
    const madeBytes = columns.reduce((bytes, { mostOffsetBytes }) => bytes + mostOffsetBytes, 0);
    const live = { kept, runs: chunk.runs("live"), rowBytes: madeBytes };
    const mapped = sourcesOf(chunk, live.runs);
    this.#rowsMapped += countDistinct(mapped);
    this.#note(chunk, mapped);
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
    const letters = chunk.deadRows().map(([row, reason]) => [chunk.sourceOf(row), reason] as const);
    const longest = letters.reduce((bytes, [, { message }]) => Math.max(bytes, message.length), 0);
    const dead = {
      kept: columnsOf(chunk, this.#keepDead),
      runs: chunk.runs("dead"),
      rowBytes: this.#dead.placeBytes + longest * UTF8_BYTES,
    };
    let taken = 0;
    for (const { runs, rows } of cutChunk(dead, this.#mostBytes)) {
      this.#dead.add(letters.slice(taken, taken + rows), gatherRuns(dead.kept, runs));
      taken += rows;
    }
    this.#onClosed(chunk);
  }
}

/** The rows of the shard that the rows of `runs` came from. */
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

/** With no batches, an empty table that still has its columns. */
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
