import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { RowShape } from "../../../../shared/domain/row-shape.ts";
import { type Batch, halve } from "../../../../worker/batch/batch.ts";
import { cutUnevenBatches } from "../../../../worker/batch/uneven-batcher.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { RowPositions } from "../../../../worker/tensorize/row-positions.ts";
import { aBinding, batchOf } from "../../../support/shard-inputs.ts";
import { listColumn } from "../../../support/uneven-model.ts";

/** Padding of one sequence, independent of its rows. */
const PADDING = new RowPositions([], [true]);
const PADDED: RowShape = { kind: "padded", pad: 0, sequence: 0 };
const NO_LIMIT = { rows: 1e9, bytes: 1e12 };

/** Yields chunks of a file whose rows have these lengths. */
async function* chunksOf(chunks: readonly (readonly number[])[], rowShape: RowShape = PADDED) {
  let shardRow = 0;
  for (const lengths of chunks) {
    const c = listColumn(lengths.map((length) => Array(length).fill(1)));
    yield new InputChunk(batchOf({ c }), shardRow, [aBinding({ rowShape })]);
    shardRow += lengths.length;
  }
}

const rowsOf = ({ pieces }: Batch) =>
  pieces.flatMap(({ chunk, start, end }) =>
    Array.from({ length: end - start }, (_, index) => chunk.place + start + index),
  );

async function cut(
  chunks: readonly (readonly number[])[],
  mostRows: (length: number) => number,
  {
    limits = NO_LIMIT,
    rowShape = PADDED,
    runRows = null,
  }: { limits?: typeof NO_LIMIT; rowShape?: RowShape; runRows?: number | null } = {},
) {
  const batches: Batch[] = [];
  for await (const batch of cutUnevenBatches(chunksOf(chunks, rowShape), { mostRows, limits, runRows }))
    batches.push(batch);
  return batches;
}

const lengths = fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 30 });
const someChunks = fc.array(lengths, { minLength: 1, maxLength: 5 });

test("every row is in one batch, and rows times padded length stay within the budget", async () => {
  const limits = fc.record({
    rows: fc.integer({ min: 1, max: 90 }),
    bytes: fc.integer({ min: 1, max: 4_000 }),
  });
  await fc.assert(
    fc.asyncProperty(someChunks, fc.integer({ min: 1, max: 300 }), limits, async (chunks, tokens, window) => {
      const all = chunks.flat();
      const batches = await cut(chunks, (length) => tokens / length, { limits: window });
      const rows = batches.flatMap(rowsOf);
      expect(rows.sort((a, b) => a - b)).toEqual(all.map((_, row) => row));
      for (const batch of batches) {
        const found = rowsOf(batch).map((row) => all[row] ?? -1);
        expect(batch.lengths).toEqual(PADDING.lengthsOf([Math.max(...found)]));
        expect(batch.length).toBe(batch.lengths?.[0]);
        expect(batch.rows).toBe(found.length);
        if (batch.rows > 1) expect(batch.rows * (batch.length ?? 0)).toBeLessThanOrEqual(tokens);
        // Empty rows have batches of their own.
        expect(new Set(found.map((positions) => positions === 0)).size).toBe(1);
      }
    }),
  );
});

test("a batch without padding has rows of one length", async () => {
  const some = fc.array(fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 20 }), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(some, async (chunks) => {
      const all = chunks.flat();
      const batches = await cut(chunks, () => 5, { rowShape: { kind: "unpadded", sequence: 0 } });
      for (const batch of batches) {
        expect([...new Set(rowsOf(batch).map((row) => all[row]))]).toEqual([batch.length]);
        expect(batch.rows).toBeLessThanOrEqual(5);
      }
      expect(batches.flatMap(rowsOf)).toHaveLength(all.length);
    }),
  );
});

test("several runs of a fixed batch have rows of one padded length", async () => {
  await fc.assert(
    fc.asyncProperty(someChunks, fc.integer({ min: 1, max: 4 }), async (chunks, runRows) => {
      const all = chunks.flat();
      const batches = await cut(chunks, () => runRows * 5, { runRows });
      expect(batches.flatMap(rowsOf)).toHaveLength(all.length);
      for (const batch of batches) {
        const counts = rowsOf(batch).map((row) => all[row] ?? 0);
        const beyond = counts.slice(runRows);
        expect(beyond.map((count) => PADDING.lengthsOf([count]))).toEqual(beyond.map(() => batch.lengths));
        if (batch.rows > runRows) expect(batch.rows % runRows).toBe(0);
      }
    }),
  );
});

test("a window is cut from its longest row on, and the last batch is short", async () => {
  const batches = await cut(
    [
      [3, 60, 5, 58],
      [4, 50, 6, 7],
    ],
    () => 3,
  );
  expect(batches.map(rowsOf)).toEqual([
    [1, 3, 5],
    [7, 6, 2],
    [4, 0],
  ]);
  expect(batches.map(({ length }) => length)).toEqual([60, 7, 4]);
});

test("a row that would be more than half padding waits for a shorter batch", async () => {
  const batches = await cut([[512, 255, 256, 20, 9, 1]], () => 100);
  expect(batches.map(rowsOf)).toEqual([[0, 2], [1], [3], [4, 5]]);
});

test("each window is cut on its own, and adjacent rows are one piece", async () => {
  const chunks = [Array(10).fill(7), Array(10).fill(7)];
  const windows = await cut(chunks, () => 100, { limits: { rows: 8, bytes: 1e9 } });
  expect(windows.map(rowsOf)).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [8, 9, 10, 11, 12, 13, 14, 15],
    [16, 17, 18, 19],
  ]);
  expect(windows.map(({ pieces }) => pieces.length)).toEqual([1, 2, 1]);
  const byBytes = await cut(chunks, () => 100, { limits: { rows: 1e9, bytes: 1 } });
  expect(byBytes.map(({ rows }) => rows)).toEqual([10, 10]);
});

test("the next window is read halfway through the current one, and the near end is reported there", async () => {
  const events: string[] = [];
  async function* logged() {
    for await (const chunk of chunksOf(Array(3).fill(Array(10).fill(7)))) {
      events.push(`read ${chunk.place}`);
      yield chunk;
    }
  }
  const options = {
    mostRows: () => 2,
    limits: { rows: 10, bytes: 1e9 },
    onNearEnd: () => events.push("near the end"),
  };
  for await (const batch of cutUnevenBatches(logged(), options)) events.push(`batch ${rowsOf(batch)[0]}`);
  expect(events).toEqual([
    ...["read 0", "batch 0", "batch 2", "batch 4", "read 10", "batch 6", "batch 8"],
    ...["batch 10", "batch 12", "batch 14", "read 20", "batch 16", "batch 18"],
    ...["batch 20", "batch 22", "batch 24", "near the end", "batch 26", "batch 28"],
  ]);
});

test("the end of an empty shard is reported, and an abandoned shard is not read further", async () => {
  let ends = 0;
  const options = { mostRows: () => 1, onNearEnd: () => (ends += 1) };
  for await (const _ of cutUnevenBatches(chunksOf([]), options)) expect.unreachable();
  expect(ends).toBe(1);
  let closed = false;
  async function* endless() {
    try {
      while (true) yield* chunksOf([[1, 2, 3]]);
    } finally {
      closed = true;
    }
  }
  const limits = { rows: 4, bytes: 1e9 };
  for await (const _ of cutUnevenBatches(endless(), { ...options, limits })) break;
  expect({ ends, closed }).toEqual({ ends: 1, closed: true });
});

test("the second half of a batch is padded only to its own longest row", async () => {
  const [batch] = await cut([[30, 60, 40, 31]], () => 10);
  if (batch === undefined) throw new Error("no batch");
  const [first, rest] = halve(batch);
  expect([rowsOf(first), rowsOf(rest)]).toEqual([
    [1, 2],
    [3, 0],
  ]);
  expect([batch.length, first.length, rest.length]).toEqual([60, 60, 31]);
});

describe("rows of two sequences", () => {
  const row = fc.tuple(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 1, max: 40 }));
  const rows = fc.array(row, { minLength: 1, maxLength: 60 });

  async function cutPairs(pairs: readonly (readonly [number, number])[], options: PairOptions) {
    const [c, d] = [0, 1].map((at) => listColumn(pairs.map((lengths) => Array(lengths[at]).fill(1))));
    if (c === undefined || d === undefined) throw new Error("two columns are missing");
    const chunk = new InputChunk(batchOf({ c, d }), 0, [
      aBinding({ rowShape: PADDED }),
      aBinding({ tensor: "y", source: { kind: "one", column: "d" }, rowShape: options.second }),
    ]);
    const batches: Batch[] = [];
    const source = (async function* () {
      yield chunk;
    })();
    for await (const batch of cutUnevenBatches(source, { ...options, limits: NO_LIMIT })) batches.push(batch);
    return batches;
  }

  interface PairOptions {
    readonly second: RowShape;
    readonly mostRows: (length: number) => number;
    readonly runRows?: number;
  }

  test("are each in one batch, padded by sequence, within the budget of both together", async () => {
    const budget = fc.integer({ min: 1, max: 400 });
    await fc.assert(
      fc.asyncProperty(rows, budget, fc.boolean(), async (pairs, tokens, isPadded) => {
        const second: RowShape = isPadded ? { ...PADDED, sequence: 1 } : { kind: "unpadded", sequence: 1 };
        const batches = await cutPairs(pairs, { second, mostRows: (length) => tokens / length });
        expect(batches.flatMap(rowsOf).sort((a, b) => a - b)).toEqual(pairs.map((_, at) => at));
        const padding = new RowPositions([], [true, isPadded]);
        for (const batch of batches) {
          const own = rowsOf(batch).map((at) => pairs[at] ?? [-1, -1]);
          const longest = [0, 1].map((at) => Math.max(...own.map((lengths) => lengths[at] ?? -1)));
          expect(batch.lengths).toEqual(padding.lengthsOf(longest));
          if (batch.rows > 1) expect(batch.rows * (batch.length ?? 0)).toBeLessThanOrEqual(tokens);
          if (!isPadded) expect(new Set(own.map(([, other]) => other)).size).toBe(1);
          expect(new Set(own.map(([first]) => first === 0)).size).toBe(1);
        }
      }),
    );
  });

  test("have one padded length in both sequences across several runs of a fixed batch", async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.integer({ min: 1, max: 4 }), async (pairs, runRows) => {
        const second: RowShape = { ...PADDED, sequence: 1 };
        const batches = await cutPairs(pairs, { second, mostRows: () => runRows * 5, runRows });
        expect(batches.flatMap(rowsOf)).toHaveLength(pairs.length);
        const padding = new RowPositions([], [true, true]);
        for (const batch of batches) {
          const beyond = rowsOf(batch).slice(runRows);
          expect(beyond.map((at) => padding.lengthsOf(pairs[at] ?? []))).toEqual(
            beyond.map(() => batch.lengths),
          );
          if (batch.rows > runRows) expect(batch.rows % runRows).toBe(0);
        }
      }),
    );
  });
});
