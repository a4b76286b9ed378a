import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { connectLanes } from "../../worker/lanes/lane-pool.ts";
import { startLanes } from "../../worker/lanes/lane-set.ts";
import { gatherModel } from "../support/onnx-model.ts";

const RUNS = { rows: 2, inputs: { index: 0 }, outputs: { value: 0 } };
let folder: string;
let modelPath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-lane-runs-"));
  modelPath = join(folder, "gather.onnx");
  await writeFile(modelPath, gatherModel({ table: [10, 20, 30] }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function indices(...values: number[]): Record<string, TensorData> {
  const { buffer } = BigInt64Array.from(values, BigInt);
  return { index: { dtype: "int64", dims: [values.length], data: buffer } };
}

describe.each([
  ["a session of its own", false],
  ["a shared session", true],
] as const)("batches of several runs at a lane with %s", (_, sharesSession) => {
  const start = () => startLanes({ modelPath, device: "cpu", lanes: 1, threads: 1, sharesSession }, NEVER);

  test("have the outputs of all runs in order, of a shorter last run too, and return their inputs", async () => {
    await using lanes = await start();
    using pool = connectLanes(lanes.connect());
    const { outputs, feeds } = await pool.infer(indices(2, 0, 1, 1, 2), ["value"], RUNS, NEVER);
    expect(outputs.value?.dims).toEqual([5]);
    expect(new Float32Array(outputs.value?.data ?? new ArrayBuffer(0))).toEqual(
      Float32Array.of(30, 10, 20, 20, 30),
    );
    expect(feeds.index?.data.byteLength).toBe(5 * 8);
  });

  test("reject only themselves when they fail, are cancelled, or lose their ports", async () => {
    await using lanes = await start();
    const closed = connectLanes(lanes.connect());
    using pool = connectLanes(lanes.connect());
    const aborter = new AbortController();
    const batches = Promise.allSettled([
      pool.infer(indices(0, 1, 2, 7, 1), ["value"], RUNS, NEVER),
      pool.infer(indices(0, 1, 2), ["value"], RUNS, aborter.signal),
      closed.infer(indices(0, 1, 2), ["value"], RUNS, NEVER),
      pool.infer(indices(2, 1, 0), ["value"], RUNS, NEVER),
    ]);
    aborter.abort(new Error("the lease is lost"));
    closed[Symbol.dispose]();
    const settled = await batches;
    expect(settled).toMatchObject([
      { reason: { code: "MODEL_FAILED" } },
      { reason: { message: "the lease is lost" } },
      { reason: { code: "WORKER_LOST" } },
      { status: "fulfilled" },
    ]);
    const after = settled[3].status === "fulfilled" ? settled[3].value.outputs.value : undefined;
    expect(new Float32Array(after?.data ?? new ArrayBuffer(0))).toEqual(Float32Array.of(30, 20, 10));
  });
});
