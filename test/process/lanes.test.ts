import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { connectLanes } from "../../worker/lanes/lane-pool.ts";
import { startLanes } from "../../worker/lanes/lane-set.ts";
import { gatherModel, lcg, mlpModel, mlpReference, onnxModel } from "../support/onnx-model.ts";
import { runCli } from "../support/processes.ts";

const never = new AbortController().signal;
const MLP = { inputs: 8, hidden: 16, outputs: 3, seed: 5 };
let folder: string;
let mlpPath: string;
let gatherPath: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-lanes-"));
  mlpPath = join(folder, "mlp.onnx");
  gatherPath = join(folder, "gather.onnx");
  await writeFile(mlpPath, mlpModel(MLP));
  await writeFile(gatherPath, gatherModel({ table: [10, 20, 30] }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function floats(rows: number, columns: number, seed: number): TensorData & { values: Float32Array } {
  const random = lcg(seed);
  const values = Float32Array.from({ length: rows * columns }, () => random() - 0.5);
  return { dtype: "float32", dims: [rows, columns], data: values.slice().buffer, values };
}

function indices(...values: number[]): Record<string, TensorData> {
  return {
    index: { dtype: "int64", dims: [values.length], data: BigInt64Array.from(values, BigInt).buffer },
  };
}

/** A batch that takes seconds of one core. */
const LONG = { inputs: 2_048, hidden: 2_048, outputs: 2_048, seed: 7 };
const LONG_ROWS = 6_000;

describe.each([
  ["sessions of their own", false],
  ["a shared session", true],
] as const)("lanes with %s", (_, sharesSession) => {
  test("two lanes answer concurrent batches, each with the numbers of its own rows", async () => {
    await using lanes = await startLanes(
      { modelPath: mlpPath, device: "cpu", lanes: 2, threads: 1, sharesSession },
      never,
    );
    using pool = connectLanes(lanes.connect());
    expect(pool.count).toBe(2);
    const batches = Array.from({ length: 12 }, (_unused, index) => floats(index + 1, 8, index));
    const results = await Promise.all(
      batches.map(({ dtype, dims, data }) =>
        pool.infer({ input: { dtype, dims, data } }, ["logits"], null, NEVER),
      ),
    );
    for (const [index, { outputs, feeds, runMs }] of results.entries()) {
      const rows = index + 1;
      const logits = outputs.logits;
      expect(logits?.dims).toEqual([rows, 3]);
      const reference = mlpReference(MLP, batches[index]?.values ?? new Float32Array(), rows);
      const answered = new Float32Array(logits?.data ?? new ArrayBuffer(0));
      expect(Math.max(...answered.map((value, at) => Math.abs(value - (reference[at] ?? 0))))).toBeLessThan(
        1e-5,
      );
      // The input's buffer returns whole, to be filled again, and the sent array is detached here.
      expect(feeds.input?.data.byteLength).toBe(rows * 8 * 4);
      expect(batches[index]?.data.byteLength).toBe(0);
      expect(runMs).toBeGreaterThan(0);
    }
  });

  test("a failed batch rejects only its own request, and the lane continues", async () => {
    await using lanes = await startLanes(
      { modelPath: gatherPath, device: "cpu", lanes: 1, threads: 1, sharesSession },
      never,
    );
    using pool = connectLanes(lanes.connect());
    const before = pool.infer(indices(0, 2), ["value"], null, NEVER);
    const bad = pool.infer(indices(1, 7), ["value"], null, NEVER);
    const after = pool.infer(indices(2), ["value"], null, NEVER);
    await expect(bad).rejects.toMatchObject({ code: "MODEL_FAILED", fields: { device: "cpu" } });
    expect([...new Float32Array((await before).outputs.value?.data ?? new ArrayBuffer(0))]).toEqual([10, 30]);
    expect([...new Float32Array((await after).outputs.value?.data ?? new ArrayBuffer(0))]).toEqual([30]);
  });

  test("a batch that does not fit in memory fails with OUT_OF_MEMORY, and a smaller one still runs", async () => {
    const path = join(folder, "fill.onnx");
    const model = onnxModel({
      inputs: [{ name: "shape", dtype: "int64", dims: [2] }],
      outputs: [{ name: "zeros", dtype: "float32", dims: ["a", "b"] }],
      nodes: [{ op: "ConstantOfShape", inputs: ["shape"], outputs: ["zeros"] }],
    });
    await writeFile(path, model);
    const shape = (...dims: number[]): Record<string, TensorData> => ({
      shape: { dtype: "int64", dims: [2], data: BigInt64Array.from(dims, BigInt).buffer },
    });
    await using lanes = await startLanes(
      { modelPath: path, device: "cpu", lanes: 1, threads: 1, sharesSession },
      never,
    );
    using pool = connectLanes(lanes.connect());
    await expect(pool.infer(shape(2 ** 31, 2 ** 20), ["zeros"], null, NEVER)).rejects.toMatchObject({
      code: "OUT_OF_MEMORY",
    });
    const { outputs } = await pool.infer(shape(2, 3), ["zeros"], null, NEVER);
    expect(outputs.zeros?.dims).toEqual([2, 3]);
  });

  test("several shard threads share the lanes, and closing the ports of one does not affect the others", async () => {
    await using lanes = await startLanes(
      { modelPath: gatherPath, device: "cpu", lanes: 2, threads: 1, sharesSession },
      never,
    );
    const first = connectLanes(lanes.connect());
    using second = connectLanes(lanes.connect());
    const lost = first.infer(indices(0), ["value"], null, NEVER);
    first[Symbol.dispose]();
    await expect(lost).rejects.toMatchObject({ code: "WORKER_LOST" });
    await expect(first.infer(indices(0), ["value"], null, NEVER)).rejects.toMatchObject({
      code: "WORKER_LOST",
    });
    const { outputs } = await second.infer(indices(1), ["value"], null, NEVER);
    expect([...new Float32Array(outputs.value?.data ?? new ArrayBuffer(0))]).toEqual([20]);
  });

  test("an aborted request rejects at once, and its late reply has no effect", async () => {
    await using lanes = await startLanes(
      { modelPath: gatherPath, device: "cpu", lanes: 1, threads: 1, sharesSession },
      never,
    );
    using pool = connectLanes(lanes.connect());
    const aborter = new AbortController();
    const reason = new Error("the lease is lost");
    const aborted = pool.infer(indices(0), ["value"], null, aborter.signal);
    aborter.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    await expect(pool.infer(indices(0), ["value"], null, aborter.signal)).rejects.toBe(reason);
    const { outputs } = await pool.infer(indices(2), ["value"], null, NEVER);
    expect([...new Float32Array(outputs.value?.data ?? new ArrayBuffer(0))]).toEqual([30]);
  });

  test("startLanes rejects a model that cannot be loaded, and leaves no thread", async () => {
    const path = join(folder, "broken.onnx");
    await writeFile(path, mlpModel(MLP).subarray(0, 100));
    const before = threadPorts();
    const starting = startLanes(
      { modelPath: path, device: "cpu", lanes: 2, threads: 1, sharesSession },
      never,
    );
    await expect(starting).rejects.toMatchObject({ code: "MODEL_INVALID", fields: { path } });
    expect(threadPorts()).toBe(before);
  });

  test("the end of a lane's thread is reported to the owner of the set and to waiting requests", async () => {
    await using lanes = await startLanes(
      { modelPath: mlpPath, device: "cpu", lanes: 1, threads: 1, sharesSession },
      never,
    );
    const [deadly, ...others] = lanes.connect();
    expect(others).toEqual([]);
    using pool = connectLanes(lanes.connect());
    const told = new Promise<unknown>((resolve) => lanes.onBroken(resolve));
    // No valid request: a bug in our own code, which is no batch's fault.
    deadly?.postMessage(null);
    const { dtype, dims, data } = floats(9, 8, 1);
    const runs = { rows: 1, inputs: { input: 0 }, outputs: { logits: 0 } };
    const lost = pool.infer({ input: { dtype, dims, data } }, ["logits"], runs, NEVER);
    await expect(lost).rejects.toMatchObject({ code: "WORKER_LOST" });
    expect(await told).toMatchObject({ code: "WORKER_LOST" });
    expect(await new Promise<unknown>((resolve) => lanes.onBroken(resolve))).toBe(await told);
    deadly?.close();
  });

  test("an aborted start rejects with the signal's reason, and leaves no thread", async () => {
    const before = threadPorts();
    const aborter = new AbortController();
    const starting = startLanes(
      { modelPath: mlpPath, device: "cpu", lanes: 2, threads: 1, sharesSession },
      aborter.signal,
    );
    aborter.abort(new Error("stopped"));
    await expect(starting).rejects.toThrow("stopped");
    expect(threadPorts()).toBe(before);
  });

  test("closed lanes reject later requests, and leave no thread", async () => {
    const before = threadPorts();
    const lanes = await startLanes(
      { modelPath: mlpPath, device: "cpu", lanes: 2, threads: 1, sharesSession },
      never,
    );
    expect(threadPorts()).toBe(before + 2);
    const ports = lanes.connect();
    const portsClosed = ports.map((port) => once(port, "close"));
    using pool = connectLanes(ports);
    await Promise.all([lanes[Symbol.asyncDispose](), ...portsClosed]);
    expect(threadPorts()).toBe(before);
    const { dtype, dims, data } = floats(1, 8, 1);
    await expect(pool.infer({ input: { dtype, dims, data } }, ["logits"], null, NEVER)).rejects.toMatchObject(
      {
        code: "WORKER_LOST",
      },
    );
  });

  test("closing does not wait for a lane in a long batch, whose thread ends after the batch", async () => {
    const modelPath = join(folder, "long.onnx");
    await writeFile(modelPath, mlpModel(LONG));
    const before = threadPorts();
    const options = {
      modelPath,
      device: "cpu",
      lanes: 1,
      threads: 1,
      closeLimitMs: 10,
      sharesSession,
    } as const;
    const lanes = await startLanes(options, never);
    const ports = lanes.connect();
    const portsClosed = ports.map((port) => once(port, "close"));
    using pool = connectLanes(ports);
    const data = new ArrayBuffer(LONG_ROWS * LONG.inputs * 4);
    const lost = pool.infer(
      { input: { dtype: "float32", dims: [LONG_ROWS, LONG.inputs], data } },
      ["logits"],
      null,
      NEVER,
    );
    const answered = lost.then(() => "answered");
    await sleep(100, NEVER);
    await lanes[Symbol.asyncDispose]();
    expect(await Promise.race([answered, sleep(10, NEVER).then(() => "in the batch")])).toBe("in the batch");
    await expect(answered).resolves.toBe("answered");
    await Promise.all(portsClosed);
    while (threadPorts() > before) await sleep(10, NEVER);
  });

  test("exitProcess ends a process at once while a closed lane still runs a batch", async () => {
    const modelPath = join(folder, "long.onnx");
    await writeFile(modelPath, mlpModel(LONG));
    const main = join(folder, "left-behind.mjs");
    const code = (source: string) => JSON.stringify(compiledUrl(source).href);
    await writeFile(
      main,
      `import { connectLanes } from ${code("worker/lanes/lane-pool.ts")};
import { startLanes } from ${code("worker/lanes/lane-set.ts")};
import { exitProcess } from ${code("shared/core/end-thread.ts")};
const never = new AbortController().signal;
const lanes = await startLanes({ modelPath: ${JSON.stringify(modelPath)}, device: "cpu", lanes: 1, threads: 1, closeLimitMs: 10, sharesSession: ${sharesSession} }, never);
const pool = connectLanes(lanes.connect());
const dims = [${LONG_ROWS * 4}, ${LONG.inputs}];
const data = new ArrayBuffer(dims[0] * dims[1] * 4);
pool.infer({ input: { dtype: "float32", dims, data } }, ["logits"], null, never);
await new Promise((resolve) => setTimeout(resolve, 200));
await lanes[Symbol.asyncDispose]();
console.log("closed");
exitProcess(0);
`,
    );
    const { signal, stdout, stderr } = await runCli([], { main });
    expect({ signal, stdout, stderr }).toEqual({ signal: "SIGKILL", stdout: "closed\n", stderr: "" });
  });
});

test("a missing device fails with DEVICE_UNAVAILABLE instead of a silent change of the device", async () => {
  const device = process.platform === "darwin" ? "dml" : "coreml";
  const starting = startLanes({ modelPath: mlpPath, device, lanes: 1, threads: 1 }, never);
  await expect(starting).rejects.toMatchObject({ code: "DEVICE_UNAVAILABLE", fields: { device } });
});

/** Returns how many ports of threads keep this process running. Each running thread has one here. */
function threadPorts(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort").length;
}
