import { type RecordBatch, Schema } from "apache-arrow";
import { present } from "../../../shared/core/assert.ts";
import { mapConcurrent } from "../../../shared/core/map-concurrent.ts";
import { gather, type Stretch } from "../../../shared/dataset/gather.ts";
import { plainField } from "../../../shared/dataset/plain-type.ts";
import { quickSchema, recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import type { TableFormat } from "../../../shared/domain/dataset.ts";
import { openRows, type PartRange } from "../../../shared/rows/sort-part.ts";
import { filesAtOnce, type OrderedFiles } from "./folder-files.ts";
import type { PlannedFolder, RunLimits } from "./folder-plan.ts";

/**
 * Limits of the folders whose rows are held at once. Each run of folders opens each of its files once. With
 * fewer bytes, files are opened more often.
 */
const RUN = { bytes: 128 << 20, ranges: 100_000 };

/** Rows that are gathered into one record batch, about. */
const BATCH_ROWS = 65_536;

/** Rows of a file in memory. */
interface HeldRows {
  /** Place of the first row in the file. */
  readonly rowStart: number;
  readonly batches: readonly RecordBatch[];
}

interface FolderToWrite extends PlannedFolder {
  /** Reads the folder's next rows, in plan order. Read all of them before the rows after them. */
  readonly take: (rows: number) => AsyncIterable<RecordBatch>;
}

/** Reads the rows of all folders, one after the other, without the columns that name the folders. */
export class FolderReader {
  /** Schema of the read rows. */
  readonly schema: Schema;
  readonly #ordered: OrderedFiles;
  readonly #format: TableFormat;
  readonly #signal: AbortSignal;

  private constructor(schema: Schema, ordered: OrderedFiles, format: TableFormat, signal: AbortSignal) {
    this.schema = schema;
    this.#ordered = ordered;
    this.#format = format;
    this.#signal = signal;
  }

  static async open(
    ordered: OrderedFiles,
    { format, partitionBy }: { readonly format: TableFormat; readonly partitionBy: readonly string[] },
    signal: AbortSignal,
  ): Promise<FolderReader> {
    const first = present(ordered.files[0], "a rows file");
    using file = await openRows(first, format, { storage: first.storage, signal });
    const fields = file.schema.fields.filter(({ name }) => !partitionBy.includes(name));
    return new FolderReader(quickSchema(new Schema(fields.map(plainField))), ordered, format, signal);
  }

  /** Yields the folders in ascending order of names. Read each before the next one. */
  async *folders(limits: RunLimits = RUN): AsyncGenerator<FolderToWrite> {
    for (const run of this.#ordered.plan.runs(limits)) {
      const held = run.length === 1 ? null : await this.#hold(run);
      for (const folder of run) {
        const stretches = held === null ? this.#stream(folder) : stretchesIn(held, folder);
        yield { ...folder, take: taker(this.#gather(stretches)) };
      }
    }
  }

  /** Reads the rows of consecutive folders, which are one range of each file. */
  async #hold(run: readonly PlannedFolder[]): Promise<ReadonlyMap<number, HeldRows>> {
    const spans = new Map<number, PartRange>();
    for (const range of run.flatMap(({ ranges }) => ranges)) {
      const { rowStart } = spans.get(range.source) ?? range;
      spans.set(range.source, { ...range, rowStart });
    }
    const atOnce = filesAtOnce(this.#ordered.files);
    const held = await mapConcurrent([...spans.values()], atOnce, async (span) => {
      const batches: RecordBatch[] = [];
      for await (const batch of this.#read(span)) batches.push(batch);
      return [span.source, { rowStart: span.rowStart, batches }] as const;
    });
    return new Map(held);
  }

  async *#stream({ ranges }: PlannedFolder): AsyncGenerator<Rows> {
    for (const range of ranges)
      for await (const batch of this.#read(range)) yield { batch, start: 0, end: batch.numRows };
  }

  async *#read({ source, rowStart, rowEnd }: PartRange): AsyncGenerator<RecordBatch> {
    const ordered = present(this.#ordered.files[source], "a rows file");
    using file = await openRows(ordered, this.#format, { storage: ordered.storage, signal: this.#signal });
    const columns = this.schema.fields.map(({ name }) => name);
    yield* file.read({ rowStart, rowEnd, columns, signal: this.#signal });
  }

  /** Copies rows into batches of their own, without dictionaries and views. */
  async *#gather(pieces: Iterable<Rows> | AsyncIterable<Rows>): AsyncGenerator<RecordBatch> {
    let held: Rows[] = [];
    let rows = 0;
    const gathered = () => {
      const columns = this.schema.fields.map(({ type }, index) =>
        gather(
          type,
          held.map(
            ({ batch, start, end }): Stretch => ({ data: batch.data.children[index] ?? null, start, end }),
          ),
        ),
      );
      const batch = recordBatchOf(this.schema, rows, columns);
      held = [];
      rows = 0;
      return batch;
    };
    for await (const piece of pieces) {
      held.push(piece);
      rows += piece.end - piece.start;
      if (rows >= BATCH_ROWS) yield gathered();
    }
    if (rows > 0) yield gathered();
  }
}

/** Rows `[start, end)` of a record batch. */
interface Rows {
  readonly batch: RecordBatch;
  readonly start: number;
  readonly end: number;
}

function* stretchesIn(held: ReadonlyMap<number, HeldRows>, { ranges }: PlannedFolder): Generator<Rows> {
  for (const { source, rowStart, rowEnd } of ranges) {
    const { rowStart: first, batches } = present(held.get(source), "the rows of a file in the run");
    let at = first;
    for (const batch of batches) {
      const [start, end] = [Math.max(rowStart - at, 0), Math.min(rowEnd - at, batch.numRows)];
      if (start < end) yield { batch, start, end };
      at += batch.numRows;
    }
  }
}

/** Divides batches among readers: each takes the next rows. */
function taker(batches: AsyncGenerator<RecordBatch>): (rows: number) => AsyncIterable<RecordBatch> {
  let rest: RecordBatch | null = null;
  return async function* take(rows) {
    for (let left = rows; left > 0; ) {
      const batch: RecordBatch | undefined = rest ?? (await batches.next()).value;
      if (batch === undefined) return;
      const taken = Math.min(left, batch.numRows);
      left -= taken;
      rest = taken === batch.numRows ? null : batch.slice(taken, batch.numRows);
      yield taken === batch.numRows ? batch : batch.slice(0, taken);
    }
  };
}
