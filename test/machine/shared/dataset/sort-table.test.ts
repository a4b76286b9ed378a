import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Decimal,
  Field,
  FixedSizeBinary,
  Int32,
  List,
  makeData,
  type RecordBatch,
  Table,
  vectorFromArray,
} from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { sortTable } from "../../../../shared/dataset/sort-table.ts";
import type { SortKey } from "../../../../shared/domain/rows-form.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { parquetScan } from "../../../../shared/sql/quote.ts";
import { only, plainRows, tableOf } from "../../../support/sample-table.ts";
import { orderInSql, someSort, sortableCells, sortableTable } from "../../../support/sortable-table.ts";

let root: string;
let database: LockedDatabase;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-sort-"));
  database = await openLockedDatabase({ folders: [root], tempFolder: join(root, "tmp") });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** Returns the same rows in batches that end at `cuts`. */
function inBatches(table: Table, cuts: readonly number[]): Table {
  const ends = [...new Set(cuts.map((cut) => cut % table.numRows)), table.numRows].filter((at) => at > 0);
  let start = 0;
  const batches: RecordBatch[] = [];
  for (const end of ends.sort((a, b) => a - b)) {
    batches.push(...table.slice(start, end).batches);
    start = end;
  }
  return new Table(table.schema, batches);
}

const rowsOf = fc.integer({ min: 2, max: 40 }).chain((rows) =>
  fc.record({
    rows: fc.constant(rows),
    cells: sortableCells(rows),
    sort: someSort,
    cuts: fc.array(fc.nat(), { maxLength: 3 }),
  }),
);

async function orderBySql(table: Table, sort: readonly SortKey[]): Promise<unknown[]> {
  const path = join(root, "rows.parquet");
  await writeFile(path, encodeParquet(table));
  const rows = await database.rows(`SELECT n FROM ${parquetScan([path])} ${orderInSql(sort)}`);
  return rows.map(({ n }) => n);
}

test("rows of any types and batches are sorted as in SQL, and each row keeps its values", async () => {
  await fc.assert(
    fc.asyncProperty(rowsOf, async ({ sort, cuts, ...rows }) => {
      const table = sortableTable(rows);
      const sorted = sortTable(inBatches(table, cuts), sort);
      const order = [...(sorted.getChild("n") ?? [])];
      expect(order).toEqual(await orderBySql(table, sort));
      const before = plainRows(table);
      expect(plainRows(sorted)).toEqual(order.map((n) => before[n]));
    }),
    { numRuns: 60 },
  );
});

test("decimals are sorted by value and fixed bytes by byte, and lists and nulls move with their rows", () => {
  const words = (value: bigint) => [0n, 32n, 64n, 96n].map((by) => Number((value >> by) & 0xffffffffn));
  const decimals = [5n, -7n, 2n ** 90n, -(2n ** 90n), 0n];
  const item = new Field("item", new Int32(), true);
  const table = tableOf({
    d: makeData({ type: new Decimal(2, 38, 128), data: Uint32Array.from(decimals.flatMap(words)) }),
    f: makeData({ type: new FixedSizeBinary(2), data: Uint8Array.of(2, 0, 1, 255, 1, 0, 0, 9, 255, 0) }),
    l: only(vectorFromArray([[1, 2], null, [], [3], [4, 5, 6]], new List(item))),
    n: makeData({ type: new Int32(), data: Int32Array.of(0, 1, 2, 3, 4) }),
  });
  const sorted = (column: string) => sortTable(table, [{ column, order: "ascending" }]);
  expect([...(sorted("d").getChild("n") ?? [])]).toEqual([3, 1, 4, 0, 2]);
  expect([...(sorted("f").getChild("n") ?? [])]).toEqual([3, 2, 1, 0, 4]);
  const before = plainRows(table);
  expect(plainRows(sorted("d"))).toEqual([3, 1, 4, 0, 2].map((n) => before[n]));
});
