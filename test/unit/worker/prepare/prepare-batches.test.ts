import type { RecordBatch } from "apache-arrow";
import { expect, it } from "vitest";
import { columnData } from "../../../../shared/dataset/record-batch.ts";
import { NO_NOTED_ROWS } from "../../../../shared/steps/noted-rows.ts";
import { prepareBatches } from "../../../../worker/prepare/prepare-batches.ts";
import { UnreadableRows } from "../../../../worker/read/unreadable-rows.ts";
import { aLease } from "../../../support/builders.ts";
import { smallTable } from "../../../support/sample-table.ts";

const { signal } = new AbortController();

async function* batchesOf(...rows: readonly number[]): AsyncGenerator<RecordBatch> {
  for (const count of rows) yield* smallTable(count).batches;
}

it("steps get at most as many rows at once as they take, each with its place in the shard", async () => {
  const given: bigint[][] = [];
  const each = {
    ...{ atOnce: 2, pieceRows: () => 4 },
    run: async (batch: RecordBatch) => {
      given.push([...(columnData(batch, "id").values as BigInt64Array)]);
      return { batch, sources: null, failed: [], noted: NO_NOTED_ROWS };
    },
  };
  const places: number[][] = [];
  for await (const rows of prepareBatches(batchesOf(3, 10), { steps: [each], lease: aLease(), signal })) {
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

it("an unreadable row is kept from the steps and stays in its place as failed", async () => {
  const unreadable = new UnreadableRows();
  for (const row of [0, 4, 5, 9]) unreadable.note(row, `row ${row}`);
  const given: bigint[][] = [];
  const steps = {
    ...{ atOnce: 1, pieceRows: () => 6 },
    run: async (batch: RecordBatch) => {
      given.push([...(columnData(batch, "id").values as BigInt64Array)]);
      return {
        batch,
        sources: null,
        failed: [],
        noted: { ...NO_NOTED_ROWS, rowsTruncated: [0, 2], rowsFilled: [1] },
      };
    },
  };
  const options = { steps: [steps], lease: aLease(), unreadable, signal };
  const failed: number[] = [];
  const truncated: number[] = [];
  const filled: number[] = [];
  const ids: unknown[] = [];
  for await (const rows of prepareBatches(batchesOf(10), options)) {
    failed.push(...rows.failed.map(({ row }) => rows.sourceStart + (rows.sources?.[row] ?? row)));
    truncated.push(...rows.noted.rowsTruncated.map((row) => rows.sourceStart + row));
    filled.push(...rows.noted.rowsFilled.map((row) => rows.sourceStart + row));
    const column = rows.batch.getChild("id");
    for (let row = 0; row < rows.batch.numRows; row += 1) ids.push(column?.get(row));
  }
  expect(given).toEqual([
    [1n, 2n, 3n],
    [6n, 7n, 8n],
  ]);
  expect(failed).toEqual([0, 4, 5, 9]);
  expect(truncated).toEqual([1, 3, 6, 8]);
  expect(filled).toEqual([2, 7]);
  expect(ids).toEqual([null, 1n, 2n, 3n, null, null, 6n, 7n, 8n, null]);
});

it("unreadable rows are passed on as failed when there are no steps", async () => {
  const unreadable = new UnreadableRows();
  unreadable.note(3, "torn");
  const options = { steps: [], lease: aLease(), unreadable, signal };
  const failed: unknown[] = [];
  for await (const rows of prepareBatches(batchesOf(2, 4), options)) failed.push(rows.failed);
  expect(failed).toEqual([[], [{ row: 1, code: "ROW_UNREADABLE", message: "torn" }]]);
});
