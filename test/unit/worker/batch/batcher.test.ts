import { Int32 } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Batch, halve } from "../../../../worker/batch/batch.ts";
import { cutBatches } from "../../../../worker/batch/batcher.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";

/** Yields chunks of a file, with null for bad rows. */
async function* chunksOf(chunks: readonly (readonly (number | null)[])[]) {
  let shardRow = 0;
  for (const values of chunks) {
    yield new InputChunk(batchOf({ c: column(values, new Int32()) }), shardRow, [aBinding()]);
    shardRow += values.length;
  }
}

const rowsOf = ({ pieces }: Batch) =>
  pieces.flatMap(({ chunk, start, end }) =>
    Array.from({ length: end - start }, (_, index) => chunk.place + start + index),
  );

const someChunks = fc.array(fc.array(fc.option(fc.nat(9), { freq: 4 }), { minLength: 1, maxLength: 9 }), {
  minLength: 1,
  maxLength: 6,
});

test("batches hold the valid rows, each once and in order, and only the last is short", async () => {
  await fc.assert(
    fc.asyncProperty(someChunks, fc.integer({ min: 1, max: 12 }), async (chunks, size) => {
      // Arrow's builders need one value to infer a column's type.
      const known = chunks.map((values) => [1, ...values]);
      const batches: Batch[] = [];
      for await (const batch of cutBatches(chunksOf(known), () => size)) batches.push(batch);
      const expected = known.flat().flatMap((value, row) => (value === null ? [] : [row]));
      expect(batches.flatMap(rowsOf)).toEqual(expected);
      expect(batches.slice(0, -1).every(({ rows }) => rows === size)).toBe(true);
      expect(batches.every((batch) => batch.rows === rowsOf(batch).length && batch.rows > 0)).toBe(true);
    }),
  );
});

test("the size is requested again before each batch", async () => {
  const sizes = [2, 3, 1];
  const found: number[] = [];
  for await (const batch of cutBatches(
    chunksOf([
      [1, 2, 3, 4],
      [5, 6, 7],
    ]),
    () => sizes.shift() ?? 9,
  ))
    found.push(batch.rows);
  expect(found).toEqual([2, 3, 1, 1]);
});

test("the halves of a batch hold its rows in order, and neither is empty", async () => {
  for await (const batch of cutBatches(
    chunksOf([
      [1, null, 3],
      [4, 5],
      [6, 7, null, 8],
    ]),
    () => 9,
  )) {
    const [first, rest] = halve(batch);
    expect([...rowsOf(first), ...rowsOf(rest)]).toEqual(rowsOf(batch));
    expect([first.rows, rest.rows]).toEqual([4, 3]);
  }
});
