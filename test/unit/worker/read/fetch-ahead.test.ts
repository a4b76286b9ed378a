import { expect, test } from "vitest";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { FetchBudget } from "../../../../shared/dataset/fetch-budget.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import type { LeaseSlice } from "../../../../shared/domain/job.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { fetchedSource } from "../../../../shared/storage/small-file.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../../../worker/read/input-files.ts";
import { ShardInput } from "../../../../worker/read/shard-input.ts";
import type { Way } from "../../../../worker/read/ways.ts";
import { embeddings, tableOf } from "../../../support/sample-table.ts";

/** Row groups of one size, of which a shard has half. */
const GROUPS = 8;
const GROUP_ROWS = 16_384;
const rows = GROUPS * GROUP_ROWS;
const bytes = encodeParquet(tableOf({ e: embeddings(rows, 16) }), {
  rowGroupRows: GROUP_ROWS,
  compression: "none",
});
const GROUP_BYTES = bytes.length / GROUPS;
const { signal } = new AbortController();
const path = parseLocation("/in.parquet");

/** Returns slow access to the file, and counts bytes that were read for rows not yet returned. */
function slowWay() {
  const seen = { read: 0, handedOn: 0, most: 0 };
  const way: Way = {
    checksVersion: async () => false,
    stat: async () => ({ bytes: bytes.length, version: "1" }),
    read: async (_path, start, end) => {
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      seen.read += end - start;
      seen.most = Math.max(seen.most, seen.read - seen.handedOn);
      return bytes.slice(start, end);
    },
  };
  return { way, seen };
}

async function slicesOfTwo(): Promise<readonly (readonly LeaseSlice[])[]> {
  using file = await openDatasetFile(fetchedSource(path, bytes), "parquet", signal);
  const { footerSha256 } = file;
  const planned = { path, format: "parquet", bytes: bytes.length, version: "1", rows, footerSha256 } as const;
  const middle = rows / 2;
  return [
    [{ file: planned, rowStart: 0, rowEnd: middle }],
    [{ file: planned, rowStart: middle, rowEnd: rows }],
  ];
}

/** Reads two shards as a shard thread does: the first rows of the second while the first is read. */
async function readTwo(budget?: FetchBudget) {
  const { way, seen } = slowWay();
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  const calls = { signal, onFile: () => {}, ...(budget === undefined ? {} : { budget }) };
  let found = 0;
  const handOn = (numRows: number) => {
    found += numRows;
    seen.handedOn += (numRows * bytes.length) / rows;
  };
  let turn = Promise.resolve();
  for (const slices of await slicesOfTwo()) {
    const input = await ShardInput.open(slices, files, calls);
    const batches = input.read(["e"], signal);
    const first = batches.next();
    const before = turn;
    const read = async () => {
      const { value } = await first;
      await before;
      if (value !== undefined) handOn(value.numRows);
      for await (const batch of batches) handOn(batch.numRows);
      input[Symbol.dispose]();
    };
    turn = read();
  }
  await turn;
  return { found, groupsAtOnce: seen.most / GROUP_BYTES };
}

test("without a budget two shards of a thread fetch more than two row groups at once", async () => {
  const { found, groupsAtOnce } = await readTwo();
  expect(found).toBe(rows);
  expect(groupsAtOnce).toBeGreaterThan(2.5);
});

test.each([
  ["a little over three row groups", 3.2, 4],
  ["a little over two row groups", 2.2, 3],
  ["a little over one row group", 1.2, 2],
  ["half a row group", 0.5, 1],
  ["zero bytes", 0, 1],
])("a budget of %s limits what is fetched at once, and all rows are read", async (_what, groups, most) => {
  const budget = new FetchBudget(groups * GROUP_BYTES);
  const { found, groupsAtOnce } = await readTwo(budget);
  expect(found).toBe(rows);
  // The ends of the file are read twice.
  expect(groupsAtOnce).toBeLessThan(most + 0.2);
  expect(groupsAtOnce).toBeGreaterThan(0.8);
  expect(budget.heldBytes).toBe(0);
});
