import type { RecordBatch } from "apache-arrow";
import { expect, it } from "vitest";
import { columnData } from "../../../../shared/dataset/record-batch.ts";
import { prepareBatches } from "../../../../worker/prepare/prepare-batches.ts";
import { aLease } from "../../../support/builders.ts";
import { smallTable } from "../../../support/sample-table.ts";

const { signal } = new AbortController();

async function* batchesOf(...rows: readonly number[]): AsyncGenerator<RecordBatch> {
  for (const count of rows) yield* smallTable(count).batches;
}

it("gives steps no more rows at once than they take, each of its place in the shard", async () => {
  const given: bigint[][] = [];
  const steps = {
    ...{ atOnce: 2, mostRows: 4 },
    run: async (batch: RecordBatch) => {
      given.push([...(columnData(batch, "id").values as BigInt64Array)]);
      return { batch, sources: null, failed: [] };
    },
  };
  const places: number[][] = [];
  for await (const rows of prepareBatches(batchesOf(3, 10), { steps, lease: aLease(), signal })) {
    places.push([rows.sourceStart, rows.sourceEnd, rows.batch.numRows]);
  }
  expect(given).toEqual([
    [0n, 1n, 2n],
    [0n, 1n, 2n, 3n],
    [4n, 5n, 6n, 7n],
    [8n, 9n],
  ]);
  expect(places).toEqual([
    [0, 3, 3],
    [3, 7, 4],
    [7, 11, 4],
    [11, 13, 2],
  ]);
});
