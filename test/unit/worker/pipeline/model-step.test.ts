import { Float32, Int32, Table } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import type { StepBinding } from "../../../../shared/domain/step-binding.ts";
import { BufferPool } from "../../../../worker/batch/buffer-pool.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { ModelStep } from "../../../../worker/pipeline/model-step.ts";
import { StageSteps } from "../../../../worker/steps/stage-steps.ts";
import { mapInMemory } from "../../../support/memory-shard.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const one = { rowDims: [], rowValues: 1 };
const EMPTY: MapBinding = {
  ...{ inputs: [], outputs: [], keep: [], columns: [], prepare: [], finish: [] },
  fixedBatchRows: null,
};
/** First stage: `c` -> `doubled`. */
const first: MapBinding = {
  ...EMPTY,
  inputs: [aBinding()],
  outputs: [anOutput({ column: "doubled", tensor: "y", ...one })],
  columns: ["c"],
};
const float = { kind: "numeric", type: "float32" } as const;
const step: StepBinding = {
  where: "map.stages[0].model",
  op: { kind: "model", stage: 0 },
  files: [],
  reads: ["c"],
  columns: [
    { name: "id", type: { kind: "numeric", type: "int32" }, nullable: false, from: "id" },
    { name: "doubled", type: float, nullable: false, from: null },
  ],
};
/** Second stage: `doubled` -> `z`. */
const second: MapBinding = {
  ...EMPTY,
  inputs: [aBinding({ source: { kind: "one", column: "doubled" } })],
  outputs: [anOutput({ column: "z", tensor: "y", ...one })],
  keep: [{ name: "id", type: { kind: "numeric", type: "int32" }, nullable: false }],
  columns: ["id", "c"],
  prepare: [step],
};

/** Returns a model that multiplies, fails on bad values, and runs out of memory with too many rows. */
function lanes(factor: number, isBad: (x: number) => boolean, fits: number, ran: number[]): Lanes["infer"] {
  return async (feeds) => {
    const x = new Float32Array(feeds.x?.data ?? new ArrayBuffer(0));
    if (x.length > fits) throw new ShardmillError("OUT_OF_MEMORY", "too many rows");
    if (x.some(isBad)) throw new ShardmillError("MODEL_FAILED", "a bad value");
    ran.push(x.length);
    const { buffer } = x.map((value) => factor * value);
    return { outputs: { y: { dtype: "float32", dims: [x.length], data: buffer } }, feeds, runMs: 1 };
  };
}

interface Run {
  readonly batches: readonly number[];
  readonly wanted: number;
  readonly fits: number;
  readonly bad: readonly [number, number];
}

async function run({ batches, wanted, fits, bad }: Run) {
  const isBad = (every: number) => (x: number) => every > 0 && x % every === every - 1;
  const sizes: number[] = [];
  const tooBig: number[] = [];
  const sizer = {
    ...{ nextRows: () => wanted, runRows: null, observe: () => {} },
    outOfMemory: ({ rows }: { rows: number }) => tooBig.push(rows),
  };
  const infer = lanes(2, isBad(bad[0]), fits, sizes);
  const meter = new BusyMeter(() => 0);
  const model = { lanes: { count: 1, infer }, inFlight: () => 3, sizer, pool: new BufferPool(4) };
  const modelStep = new ModelStep({ stage: { name: "one", map: first }, model, meter });
  await using steps = new StageSteps({
    ...{ stage: "prepare", steps: [step], threads: 2, shardThreads: 1, scratchPath: "", meter },
    ...{ stores: NO_STORES, open: () => modelStep },
  });
  let next = 0;
  const table = new Table(
    batches.map((rows) => {
      const values = Array.from({ length: rows }, () => next++);
      return batchOf({ id: column(values, new Int32()), c: column(values, new Float32()) });
    }),
  );
  const isBadDoubled = (x: number) => isBad(bad[1])(x / 2);
  const { result } = await mapInMemory({
    ...{ map: second, table, steps: [steps], nextRows: () => wanted },
    infer: lanes(10, isBadDoubled, 1_000, []),
  });
  return { result, sizes, tooBig, total: next };
}

test("each row passes both models once, or is a dead letter of one of them, whatever fits", async () => {
  const bad = fc.constantFrom(0, 5, 9, 40);
  const runs = fc.record({
    batches: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 6 }),
    wanted: fc.integer({ min: 1, max: 40 }),
    fits: fc.integer({ min: 1, max: 40 }),
    bad: fc.tuple(bad, bad),
  });
  await fc.assert(
    fc.asyncProperty(runs, async (given) => {
      const { result, sizes, tooBig, total } = await run(given);
      const [one, two] = given.bad.map((every) => (id: number) => every > 0 && id % every === every - 1);
      const ids = [...Array(total).keys()];
      const good = ids.filter((id) => one?.(id) !== true && two?.(id) !== true);
      expect([...(result.rows.getChild("id")?.toArray() ?? [])]).toEqual(good);
      expect([...(result.rows.getChild("z")?.toArray() ?? [])]).toEqual(good.map((id) => 20 * id));
      expect(result).toMatchObject({ rowsIn: total, rowsDeadLettered: total - good.length });
      const stages = ids.filter((id) => !good.includes(id)).map((id) => (one?.(id) === true ? "one" : "two"));
      const messages = [...(result.deadLetters?.getChild("message") ?? [])];
      expect(messages.map((text) => (String(text).startsWith("stage one: ") ? "one" : "two"))).toEqual(
        stages,
      );
      expect(Math.max(0, ...sizes)).toBeLessThanOrEqual(given.fits);
      if (given.wanted > given.fits && Math.max(...given.batches) > given.fits && given.bad[0] === 0)
        expect(Math.min(...tooBig)).toBeGreaterThan(given.fits);
    }),
    { numRuns: 60 },
  );
});

test("an earlier model that fails on each row is at fault, by the name of its stage", async () => {
  const failing = run({ batches: [50, 50], wanted: 8, fits: 100, bad: [1, 0] });
  await expect(failing).rejects.toMatchObject({
    code: "MODEL_FAILED",
    message: expect.stringContaining("stage one: the model fails on every row"),
  });
});
