import { Float32 } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import type { TensorData } from "../../../../shared/domain/tensor.ts";
import { batchOf as rowsBatch } from "../../../../worker/batch/batch.ts";
import { type BatchOutcome, BatchRunner } from "../../../../worker/batch/batch-runner.ts";
import type { BatchSizer } from "../../../../worker/batch/batch-sizer.ts";
import { BufferPool } from "../../../../worker/batch/buffer-pool.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";
import type { BatchRuns } from "../../../../worker/lanes/run-in-turn.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const map: MapBinding = {
  inputs: [aBinding()],
  outputs: [anOutput({ tensor: "y", rowDims: [], rowValues: 1 })],
  keep: [],
  columns: ["c"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Returns a batch of the rows 0, 1, 2, ..., whose values are their numbers. */
function someRows(rows: number) {
  const c = column(
    Array.from({ length: rows }, (_, row) => row),
    new Float32(),
  );
  const chunk = new InputChunk(batchOf({ c }), 0, map.inputs);
  return rowsBatch([{ chunk, start: 0, end: rows }]);
}

function aRunner(
  refuse: (rows: number[]) => ShardmillError | null,
  changes: Partial<MapBinding> = {},
  answer: (rows: number[]) => Readonly<Record<string, TensorData>> = () => ({}),
  runRows: number | null = null,
) {
  const stop = new AbortController();
  const runs: number[][] = [];
  const requested: (readonly string[])[] = [];
  const tooBig: number[] = [];
  const cuts: (BatchRuns | null)[] = [];
  const lanes: Lanes = {
    count: 1,
    async infer(feeds, outputs, cut) {
      requested.push(outputs);
      cuts.push(cut);
      const rows = Array.from(new Float32Array(feeds.x?.data ?? new ArrayBuffer(0)));
      runs.push(rows);
      const error = refuse(rows);
      if (error !== null) throw error;
      return { outputs: answer(rows), feeds, runMs: 1 };
    },
  };
  const sizer: Pick<BatchSizer, "observe" | "outOfMemory" | "runRows"> = {
    runRows,
    observe: () => {},
    outOfMemory: ({ rows }) => tooBig.push(rows),
  };
  const runner = new BatchRunner({
    lanes,
    map: { ...map, ...changes },
    sizer,
    pool: new BufferPool(4),
    meter: new BusyMeter(() => 0),
    signal: stop.signal,
  });
  return { runner, runs, requested, tooBig, cuts, stop };
}

/** Returns a model with two numbers per row, or three for a batch with a bad row. */
function longerFor(bad: readonly number[], batchRows = (rows: number) => rows) {
  return (rows: number[]) => {
    const dims = [batchRows(rows.length), rows.some((row) => bad.includes(row)) ? 3 : 2];
    const data = new ArrayBuffer(4 * (dims[0] ?? 0) * (dims[1] ?? 0));
    return { y: { dtype: "float32", dims, data } as const };
  };
}

const failing = (bad: readonly number[]) => (rows: number[]) => {
  const found = rows.find((row) => bad.includes(row));
  return found === undefined ? null : new ShardmillError("MODEL_FAILED", `no ${found}`);
};

const rowsOf = (segments: readonly BatchOutcome[]) =>
  segments.flatMap(({ kind, batch }) =>
    batch.pieces.flatMap(({ start, end }) =>
      Array.from({ length: end - start }, (_, index) => ({ kind, row: start + index })),
    ),
  );

test("exactly the rows that the model fails on are found, and the order is kept", async () => {
  const rows = fc.integer({ min: 2, max: 40 });
  const runRows = fc.option(fc.integer({ min: 1, max: 12 }));
  await fc.assert(
    fc.asyncProperty(rows, fc.array(fc.nat(39), { maxLength: 6 }), runRows, async (count, bad, cut) => {
      const { runner } = aRunner(failing(bad), {}, () => ({}), cut);
      // A batch that works first, so that later failures are the data's fault.
      await runner.run(rowsBatch(someRows(100).pieces.map(({ chunk }) => ({ chunk, start: 99, end: 100 }))));
      const segments = await runner.run(someRows(count));
      expect(rowsOf(segments)).toEqual(
        Array.from({ length: count }, (_, row) => ({ kind: bad.includes(row) ? "failed" : "mapped", row })),
      );
    }),
  );
});

describe("a batch of several runs", () => {
  const withRuns = (refuse: (rows: number[]) => ShardmillError | null, runRows: number) =>
    aRunner(refuse, {}, () => ({}), runRows);

  test("goes to a lane whole, with the rows of a run and the batch axes", async () => {
    const { runner, runs, cuts } = withRuns(() => null, 4);
    await runner.run(someRows(10));
    await runner.run(someRows(4));
    expect(runs.map(({ length }) => length)).toEqual([10, 4]);
    expect(cuts).toEqual([{ rows: 4, inputs: { x: 0 }, outputs: { y: 0 } }, null]);
  });

  test("is cut between runs when one fails, and each run may cost as many failures as a batch", async () => {
    const bad = Array.from({ length: 1_500 }, (_, row) => row * 2);
    const { runner, runs } = withRuns(failing(bad), 256);
    await runner.run(
      rowsBatch(someRows(4_001).pieces.map(({ chunk }) => ({ chunk, start: 3_999, end: 4_000 }))),
    );
    runs.length = 0;
    const segments = await runner.run(someRows(3_000));
    expect(rowsOf(segments).filter(({ kind }) => kind === "failed")).toHaveLength(1_500);
    const several = runs.filter(({ length }) => length > 256);
    expect(several.every(([first = 0]) => first % 256 === 0)).toBe(true);
  });

  test("that does not fit is halved, and the sizer learns each size that did not fit", async () => {
    const full = () => new ShardmillError("OUT_OF_MEMORY", "full");
    const { runner, tooBig } = withRuns((rows) => (rows.length > 8 ? full() : null), 16);
    await runner.run(someRows(64));
    expect(tooBig).toEqual([64, 32, 16, 16, 32, 16, 16]);
  });

  test("fails at once when its lane is lost, and runs no more when the shard is cancelled", async () => {
    const gone = withRuns(() => new ShardmillError("WORKER_LOST", "gone"), 4);
    await expect(gone.runner.run(someRows(64))).rejects.toMatchObject({ code: "WORKER_LOST" });
    expect(gone.runs).toHaveLength(1);
    const { runner, runs, stop } = withRuns(() => {
      stop.abort(new ShardmillError("INTERRUPTED", "stop"));
      return new ShardmillError("MODEL_FAILED", "x");
    }, 4);
    await expect(runner.run(someRows(64))).rejects.toMatchObject({ code: "INTERRUPTED" });
    expect(runs).toHaveLength(1);
  });
});

test("one bad row among 1,024 is found in 21 runs, and keeps the model's message", async () => {
  const { runner, runs } = aRunner(failing([700]));
  const segments = await runner.run(someRows(1024));
  expect(runs).toHaveLength(21);
  expect(segments.filter(({ kind }) => kind === "failed")).toMatchObject([{ message: "no 700" }]);
});

describe("failures of the model itself", () => {
  const always = () => new ShardmillError("MODEL_FAILED", "never works");

  test("a batch fails with MODEL_FAILED after the first 32 rows fail one by one", async () => {
    const { runner, runs } = aRunner(always);
    await expect(runner.run(someRows(1024))).rejects.toMatchObject({
      code: "MODEL_FAILED",
      message: "the model fails on every row: never works",
      fields: { rowsFailed: 32 },
    });
    expect(runs.length).toBeLessThan(80);
  });

  test("checkSomeMapped fails with MODEL_FAILED when every row of a small shard failed", async () => {
    const { runner } = aRunner(always);
    await runner.run(someRows(5));
    expect(() => runner.checkSomeMapped()).toThrowError(expect.objectContaining({ code: "MODEL_FAILED" }));
  });

  test("checkSomeMapped passes when any row was mapped", async () => {
    const { runner } = aRunner(failing([1, 2, 3]));
    await runner.run(someRows(5));
    expect(() => runner.checkSomeMapped()).not.toThrow();
  });

  test("a batch fails with MODEL_FAILED when it has too many failing rows to search for", async () => {
    const { runner, runs } = aRunner((rows) =>
      rows.length === 1 && (rows[0] ?? 0) % 2 === 0 ? null : always(),
    );
    await expect(runner.run(someRows(4096))).rejects.toMatchObject({ code: "MODEL_FAILED" });
    expect(runs.length).toBeLessThanOrEqual(2 * 1024 + 1);
  });
});

describe("out of memory", () => {
  const fits = (limit: number) => (rows: number[]) =>
    rows.length > limit ? new ShardmillError("OUT_OF_MEMORY", "full") : null;

  test("the rows are run again in halves, and the batch sizer is notified", async () => {
    const { runner, tooBig } = aRunner(fits(3));
    const segments = await runner.run(someRows(10));
    expect(rowsOf(segments).map(({ row }) => row)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(tooBig).toEqual([10, 5, 5]);
  });

  test("a single row that does not fit fails the attempt", async () => {
    const { runner } = aRunner(fits(0));
    await expect(runner.run(someRows(4))).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
  });

  test("a fixed batch that does not fit fails the attempt at once", async () => {
    const { runner, runs } = aRunner(fits(4), { prepare: [], finish: [], fixedBatchRows: 8 });
    await expect(runner.run(someRows(4))).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
    expect(runs).toHaveLength(1);
  });
});

test("only the outputs that the job uses are requested, each once, also in the halves of a batch", async () => {
  const column = (name: string, tensor: string) =>
    anOutput({ column: name, tensor, rowDims: [], rowValues: 1 });
  const outputs = [column("a", "y"), column("b", "z"), column("c", "y")];
  const { runner, requested } = aRunner(failing([2]), { outputs });
  await runner.run(someRows(4));
  expect(requested.length).toBeGreaterThan(1);
  for (const names of requested) expect(names).toEqual(["y", "z"]);
});

test("a fixed batch is filled up with copies of its last row", async () => {
  const { runner, runs } = aRunner(() => null, { prepare: [], finish: [], fixedBatchRows: 6 });
  await runner.run(someRows(4));
  expect(runs).toEqual([[0, 1, 2, 3, 3, 3]]);
});

test("a batch of several fixed runs is halved by whole runs until the failing row is found", async () => {
  const { runner, runs } = aRunner(failing([13]), { fixedBatchRows: 4 });
  const outcomes = await runner.run(someRows(22));
  expect(rowsOf(outcomes).map(({ kind }) => kind)).toEqual(
    Array.from({ length: 22 }, (_, row) => (row === 13 ? "failed" : "mapped")),
  );
  expect(runs.map(({ length }) => length)).toEqual([24, 12, 12, 8, 4, 4, 4, 4, 4, 4, 4]);
});

test.each([1, 2, 8])("all 511 failing rows of 512 are found in runs of %i rows", async (fixedBatchRows) => {
  const bad = Array.from({ length: 511 }, (_, index) => index + 1);
  const { runner } = aRunner(failing(bad), { fixedBatchRows });
  const outcomes = await runner.run(someRows(512));
  expect(rowsOf(outcomes.filter(({ kind }) => kind === "failed")).map(({ row }) => row)).toEqual(bad);
});

test("any other failure, or an abort, ends the batch without a search", async () => {
  const gone = aRunner(() => new ShardmillError("WORKER_LOST", "gone"));
  await expect(gone.runner.run(someRows(4))).rejects.toMatchObject({ code: "WORKER_LOST" });
  expect(gone.runs).toHaveLength(1);
  const { runner, runs, stop } = aRunner(() => {
    stop.abort(new ShardmillError("INTERRUPTED", "stop"));
    return new ShardmillError("MODEL_FAILED", "x");
  });
  await expect(runner.run(someRows(4))).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(runs).toHaveLength(1);
});

const pairs = { outputs: [anOutput({ tensor: "y", rowDims: [2], rowValues: 2 })] };

test("rows whose outputs have another length fail, and the other rows are mapped", async () => {
  const { runner } = aRunner(() => null, pairs, longerFor([3, 17]));
  const outcomes = await runner.run(someRows(20));
  const dead = rowsOf(outcomes.filter(({ kind }) => kind === "failed")).map(({ row }) => row);
  expect([dead, rowsOf(outcomes).map(({ row }) => row)]).toEqual([
    [3, 17],
    Array.from({ length: 20 }, (_, row) => row),
  ]);
  const [first] = outcomes.filter(({ kind }) => kind === "failed");
  expect(first).toMatchObject({
    message: expect.stringContaining("should give float32[1, 2] and gave float32[1, 3]"),
  });
});

test("a model whose outputs all have another length fails with MODEL_SHAPE and a hint", async () => {
  const all = Array.from({ length: 40 }, (_, row) => row);
  const { runner } = aRunner(() => null, pairs, longerFor(all));
  await expect(runner.run(someRows(40))).rejects.toMatchObject({
    code: "MODEL_SHAPE",
    hint: "if dimension 0 of that is the batch, set `shape: [3]`",
  });
});

test("outputs with another number of rows are passed on without a search for failing rows", async () => {
  const { runner, runs } = aRunner(
    () => null,
    pairs,
    longerFor([3], () => 1),
  );
  const [outcome] = await runner.run(someRows(20));
  expect([outcome?.kind, runs.length]).toEqual(["mapped", 1]);
});
