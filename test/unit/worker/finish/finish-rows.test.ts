import { type RecordBatch, Schema } from "apache-arrow";
import { expect, it } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { recordOf } from "../../../../shared/core/record-of.ts";
import { fieldsOf } from "../../../../shared/dataset/fields.ts";
import { columnData, recordBatchOf } from "../../../../shared/dataset/record-batch.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { NOTED_COUNTS } from "../../../../shared/domain/row-counts.ts";
import type { Step } from "../../../../shared/steps/step.ts";
import type { MappedShard } from "../../../../worker/collect/collector.ts";
import { DeadLetterTable } from "../../../../worker/collect/dead-letters.ts";
import { finishRows } from "../../../../worker/finish/finish-rows.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { StageSteps } from "../../../../worker/steps/stage-steps.ts";
import { aLease, rowCounts } from "../../../support/builders.ts";
import { smallTable } from "../../../support/sample-table.ts";

const ROWS = 3003;
const SOURCES = Math.ceil(ROWS / 2);
const THREADS = 3;

/** Returns a shard whose rows came back from the model in one record batch, each in two parts. */
function mappedShard(): MappedShard {
  const rows = smallTable(ROWS);
  const counts = rowCounts(SOURCES, { rowsOut: ROWS, rowsTruncated: 3, rowsFilled: 2 });
  return {
    ...{ ...counts, rows, deadLetters: null, firstDeadLetter: null },
    sources: [Uint32Array.from({ length: ROWS }, (_, row) => row >> 1)],
    noted: {
      ...recordOf(NOTED_COUNTS, () => new Set<number>()),
      ...{ rowsTruncated: new Set([0, 500, 1501]), rowsFilled: new Set([1, 1500]) },
    },
    letters: new DeadLetterTable(aLease().slices, []),
  };
}

it("finishRows gives each thread a piece of the only record batch, and counts a row in two pieces once", async () => {
  const columns = fieldsOf(smallTable(1).schema).map((field) => ({ ...field, from: field.name }));
  const op = { kind: "extension", step: "module", data: {} } as const;
  const binding = { op, files: [], where: "map.finish[0]", reads: ["id"], columns };
  const allThere = deferred<void>();
  const given: RecordBatch[] = [];
  const step: Step = {
    run: async (batch) => {
      if (batch.numRows === 0) return { made: recordBatchOf(new Schema([]), 0, []), sources: null };
      given.push(batch);
      if (given.length === THREADS) allThere.resolve();
      await allThere.promise;
      return { made: recordBatchOf(new Schema([]), batch.numRows, []), sources: null };
    },
    [Symbol.asyncDispose]: async () => {},
  };
  await using steps = new StageSteps({
    ...{
      stage: "finish",
      steps: [binding],
      threads: THREADS,
      shardThreads: 1,
      scratchPath: "unused",
      stores: NO_STORES,
    },
    ...{ meter: new BusyMeter(() => 0), open: () => step },
  });
  const { signal } = new AbortController();
  const finished = await finishRows(mappedShard(), { steps, lease: aLease(), signal });
  expect(given.map(({ numRows }) => numRows)).toEqual([1001, 1001, 1001]);
  expect(finished).toMatchObject({
    rowsMapped: SOURCES,
    rowsOut: ROWS,
    rowsFiltered: 0,
    rowsTruncated: 3,
    rowsFilled: 2,
  });
  const ids = finished.rows.batches.flatMap((batch) => [
    ...(columnData(batch, "id").values as BigInt64Array),
  ]);
  expect(ids).toEqual(Array.from({ length: ROWS }, (_, row) => BigInt(row)));
});
