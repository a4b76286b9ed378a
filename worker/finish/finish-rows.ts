import type { RecordBatch, Table } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { plainCopy } from "../../shared/dataset/plain-batch.ts";
import { columnData, recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { NONE_NOTED, NOTED_COUNTS } from "../../shared/domain/row-counts.ts";
import { type MappedShard, type ShardResult, tableOf } from "../collect/collector.ts";
import type { DeadLetterTable } from "../collect/dead-letters.ts";
import type { StageSteps } from "../steps/stage-steps.ts";
import { stepFailedAt } from "../steps/step-failed-at.ts";
import type { DeadLetterReason } from "../tensorize/input-chunk.ts";

interface FinishOptions {
  readonly steps: StageSteps;
  readonly lease: Pick<Lease, "shard" | "slices">;
  readonly signal: AbortSignal;
}

/** Mapped rows, each with its source row in the shard. */
interface MappedRows {
  readonly batch: RecordBatch;
  readonly origins: Uint32Array;
}

/** Rows behind the steps, and failures by row of the shard. */
interface FinishedRows extends MappedRows {
  readonly failed: ReadonlyMap<number, DeadLetterReason>;
}

/**
 * Runs the steps behind the model on a shard's mapped rows, and updates the counts. A mapped row without any
 * remaining part is filtered. A row that a step failed on becomes a dead letter, with all its parts.
 *
 * @throws errors of a step, with the rows of the shard that the step got
 */
export async function finishRows(mapped: MappedShard, options: FinishOptions): Promise<ShardResult> {
  const { sources: _, letters, rows, noted, ...result } = mapped;
  const { steps, signal } = options;
  const schema = await steps.schemaOf(rows.schema, signal);
  const finished: FinishedRows[] = [];
  const failed = new Map<number, DeadLetterReason>();
  for await (const each of finishedRows(mapped, options)) {
    finished.push(each);
    for (const [row, reason] of each.failed) if (!failed.has(row)) failed.set(row, reason);
  }
  const batches: RecordBatch[] = [];
  let rowsMapped = 0;
  let rowsOut = 0;
  const notedCounts = { ...NONE_NOTED };
  let last = -1;
  for (const each of finished) {
    const { batch, origins } = failed.size === 0 ? each : withoutDeadLetters(each, failed);
    const { numRows, data } = batch;
    for (let row = 0; row < numRows; row += 1) {
      const origin = origins[row] ?? 0;
      if (origin === last) continue;
      last = origin;
      rowsMapped += 1;
      for (const name of NOTED_COUNTS) if (noted[name].has(origin)) notedCounts[name] += 1;
    }
    rowsOut += numRows;
    if (numRows > 0) batches.push(recordBatchOf(schema, numRows, data.children));
  }
  if (failed.size > 0) addLetters(letters, mapped, failed);
  return {
    ...result,
    rows: tableOf(schema, batches),
    rowsMapped,
    rowsFiltered: result.rowsFiltered + result.rowsMapped - rowsMapped - failed.size,
    rowsDeadLettered: result.rowsDeadLettered + failed.size,
    rowsOut,
    ...notedCounts,
    deadLetters: letters.finish(),
    firstDeadLetter: letters.first,
  };
}

function finishedRows(
  { rows, sources }: MappedShard,
  { steps, lease, signal }: FinishOptions,
): AsyncGenerator<FinishedRows, void, undefined> {
  return mapInOrder(
    pieces(mappedRows(rows, sources), (numRows) => steps.pieceRows(numRows)),
    () => steps.atOnce,
    async ({ batch, origins }) => {
      const finished = await steps.run(batch, lease.shard, signal).catch((error: unknown) => {
        const [first = 0] = origins;
        throw stepFailedAt(error, lease, first, (origins.at(-1) ?? first) + 1);
      });
      const originsOut = finished.sources?.map((row) => origins[row] ?? 0) ?? origins;
      const failed = new Map<number, DeadLetterReason>();
      for (const { row, code, message } of finished.failed) {
        const origin = present(originsOut[row], "every row came from one");
        if (!failed.has(origin)) failed.set(origin, { stage: "finish", code, message });
      }
      return { batch: finished.batch, origins: originsOut, failed };
    },
  );
}

/** Splits record batches, so that all threads of the stage share a shard of one record batch. */
async function* pieces(
  mapped: Iterable<MappedRows>,
  pieceRows: (numRows: number) => number,
): AsyncGenerator<MappedRows, void, undefined> {
  for (const rows of mapped) {
    const { batch, origins } = rows;
    const most = pieceRows(batch.numRows);
    if (batch.numRows <= most) {
      yield rows;
      continue;
    }
    for (let start = 0; start < batch.numRows; start += most) {
      const end = Math.min(start + most, batch.numRows);
      yield { batch: plainCopy(batch, start, end), origins: origins.subarray(start, end) };
    }
  }
}

function* mappedRows(rows: Table, sources: MappedShard["sources"]): Generator<MappedRows, void, undefined> {
  for (const [index, batch] of rows.batches.entries()) {
    // A table without rows has an empty batch, which holds its columns.
    if (batch.numRows === 0) continue;
    yield { batch, origins: present(sources?.[index], "a shard that is finished knows its rows' origins") };
  }
}

/** Removes dead letters from all batches, because a row's parts may be in several. */
function withoutDeadLetters(
  { batch, origins }: MappedRows,
  deadLetters: ReadonlyMap<number, DeadLetterReason>,
): MappedRows {
  const live = [...origins.keys()].filter((row) => !deadLetters.has(origins[row] ?? 0));
  if (live.length === origins.length) return { batch, origins };
  return { batch: rowsOf(batch, live), origins: Uint32Array.from(live, (row) => origins[row] ?? 0) };
}

/** Adds dead letters, with kept columns from the first part of each row. */
function addLetters(
  letters: DeadLetterTable,
  { rows, sources }: MappedShard,
  failed: ReadonlyMap<number, DeadLetterReason>,
): void {
  const left = new Map(failed);
  for (const { batch, origins } of mappedRows(rows, sources)) {
    const places: number[] = [];
    const deadLetters: (readonly [number, DeadLetterReason])[] = [];
    for (const [place, origin] of origins.entries()) {
      const reason = left.get(origin);
      if (reason === undefined) continue;
      left.delete(origin);
      places.push(place);
      deadLetters.push([origin, reason]);
    }
    if (places.length === 0) continue;
    const kept = letters.keeps.map((name) => columnData(batch, name));
    const stretches = (data: (typeof kept)[number]) =>
      places.map((row) => ({ data, start: row, end: row + 1 }));
    letters.add(
      deadLetters,
      kept.map((data) => gather(data.type, stretches(data))),
    );
  }
}

function rowsOf(batch: RecordBatch, places: readonly number[]): RecordBatch {
  const children = batch.data.children.map((data) =>
    gather(
      data.type,
      places.map((row) => ({ data, start: row, end: row + 1 })),
    ),
  );
  return recordBatchOf(batch.schema, places.length, children);
}
