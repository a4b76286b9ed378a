import { Dictionary, Int32, type RecordBatch, Utf8, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { joinSmallBatches } from "../../../../worker/read/join-batches.ts";
import { batchOf, column } from "../../../support/shard-inputs.ts";
import { listColumn } from "../../../support/uneven-model.ts";

/** Returns rows `[from, from + rows)`, in columns of several kinds. */
function aBatch(from: number, rows: number): RecordBatch {
  const numbers = Array.from({ length: rows }, (_, index) => from + index);
  const texts = numbers.map((value) => (value % 5 === 0 ? null : `t${value}`));
  const [named] = vectorFromArray(texts, new Dictionary(new Utf8(), new Int32())).data;
  if (named === undefined) throw new Error("no data");
  return batchOf({
    id: column(numbers, new Int32()),
    text: column(texts, new Utf8()),
    list: listColumn(numbers.map((value) => Array(value % 3).fill(value))),
    named,
  });
}

async function joined(sizes: readonly number[], small: { rows: number; bytes: number }) {
  async function* batches() {
    let from = 0;
    for (const rows of sizes) {
      yield aBatch(from, rows);
      from += rows;
    }
  }
  const found: RecordBatch[] = [];
  for await (const batch of joinSmallBatches(batches(), small)) found.push(batch);
  return found;
}

const rowsOf = (batches: readonly RecordBatch[]) =>
  batches.flatMap((batch) => batch.toArray().map((row) => JSON.stringify(row)));

test("joined batches have the same rows in order, and no two neighbours are small", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 20 }),
      fc.integer({ min: 1, max: 20 }),
      async (sizes, rows) => {
        const found = await joined(sizes, { rows, bytes: 1 << 20 });
        const all = sizes.reduce((sum, size) => sum + size, 0);
        expect(rowsOf(found)).toEqual(all === 0 ? [] : rowsOf([aBatch(0, all)]));
        for (const [index, batch] of found.slice(0, -1).entries()) {
          const next = found[index + 1]?.numRows ?? 0;
          expect(Math.max(batch.numRows, next)).toBeGreaterThanOrEqual(rows);
          expect(batch.numRows).toBeLessThan(rows + 12);
        }
      },
    ),
  );
});

test("a batch that is large in bytes is not joined", async () => {
  const found = await joined([4, 4, 4], { rows: 100, bytes: 1 });
  expect(found.map(({ numRows }) => numRows)).toEqual([4, 4, 4]);
});

test("the size of a dictionary column counts its decoded values", async () => {
  const named = column(Array(4).fill("a long name".repeat(100)), new Dictionary(new Utf8(), new Int32()));
  async function* batches() {
    yield batchOf({ named });
    yield batchOf({ named });
  }
  const found: number[] = [];
  for await (const { numRows } of joinSmallBatches(batches(), { rows: 100, bytes: 2_000 }))
    found.push(numRows);
  expect(found).toEqual([4, 4]);
});

test("the memory of joined batches is freed", async () => {
  const numbers = column(Array(20_000).fill(7), new Int32());
  const sources = [batchOf({ numbers }), batchOf({ numbers: column(Array(20_000).fill(8), new Int32()) })];
  async function* batches() {
    yield* sources;
  }
  for await (const batch of joinSmallBatches(batches(), { rows: 40_000, bytes: 1 << 20 }))
    expect(batch.numRows).toBe(40_000);
  for (const { data } of sources) expect(data.children[0]?.values.byteLength).toBe(0);
});
