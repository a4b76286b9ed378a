import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DTYPE_ARRAYS, DTYPES, type TensorData } from "../../shared/domain/tensor.ts";
import { packTexts, unpackTexts } from "../../shared/domain/texts.ts";
import { createSession, type LaneSession } from "../../shared/onnx/session.ts";
import {
  gatherModel,
  identityModel,
  lcg,
  type ModelSpec,
  mlpModel,
  onnxModel,
} from "../support/onnx-model.ts";

const MLP = { inputs: 8, hidden: 16, outputs: 3, seed: 5 };

/** Checks the promises of every session of a lane. */
export function laneSessionContract(name: string, open: (path: string) => Promise<LaneSession>): void {
  describe(`${name} as a lane's session`, () => {
    let folder: string;
    let models = 0;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "shardmill-lane-session-"));
    });
    afterAll(() => rm(folder, { recursive: true }));

    async function write(model: Uint8Array): Promise<string> {
      models += 1;
      const path = join(folder, `modèle ${models}.onnx`);
      await writeFile(path, model);
      return path;
    }

    async function openModel(model: Uint8Array): Promise<LaneSession> {
      return await open(await write(model));
    }

    test.each(DTYPES)("returns %s values bit for bit, also none and a single one", async (dtype) => {
      await using session = await openModel(identityModel({ dtype, dims: ["batch", 3] }));
      const { BYTES_PER_ELEMENT } = DTYPE_ARRAYS[dtype];
      for (const rows of [2, 0, 1]) {
        const bytes = Uint8Array.from({ length: rows * 3 * BYTES_PER_ELEMENT }, (_unused, index) =>
          dtype === "bool" ? index % 2 : (index * 37 + 1) % 120,
        );
        // The buffer is longer than its dims.
        const data = new Uint8Array([...bytes, ...new Uint8Array(16)]).buffer;
        const { y } = await session.run({ x: { dtype, dims: [rows, 3], data } }, ["y"]);
        expect(y).toMatchObject({ dtype, dims: [rows, 3] });
        expect(bytesOf(y)).toEqual(bytes);
      }
    });

    test("takes and returns a scalar", async () => {
      await using session = await openModel(identityModel({ dtype: "float64", dims: [] }));
      const x = { dtype: "float64", dims: [], data: Float64Array.of(0.1).buffer } as const;
      expect(await session.run({ x }, ["y"])).toEqual({ y: x });
    });

    test("returns texts of any script", async () => {
      await using session = await openModel(identityModel({ dtype: "string", dims: ["batch"] }));
      const texts = ["a", "", "東京 🗼", "naïve"];
      const { y } = await session.run({ x: { dtype: "string", dims: [4], data: packTexts(texts) } }, ["y"]);
      expect(unpackTexts(y?.data ?? new ArrayBuffer(0), 4)).toEqual(texts);
    });

    test("returns only the requested outputs, in any order, and elements of a sequence", async () => {
      await using session = await openModel(manyOutputs());
      const x = floats(2, 1);
      const own = new Float32Array(x.data);
      const answer = await session.run({ x }, ["half", "all_0"]);
      expect(Object.keys(answer)).toEqual(["half", "all_0"]);
      expect([...new Float32Array(answer.half?.data ?? x.data)]).toEqual([...own.map((value) => value / 2)]);
      expect(answer.all_0).toEqual(x);
    });

    test("returns outputs whose size only the values decide", async () => {
      await using session = await openModel(positions());
      const run = async (...values: number[]) => {
        const data = Float32Array.from(values).buffer;
        return (await session.run({ x: { dtype: "float32", dims: [values.length], data } }, ["y"])).y;
      };
      expect(await run(0, 3, 0, -1)).toEqual({ dtype: "int64", dims: [1, 2], data: longs(1, 3) });
      expect(await run(0, 0)).toEqual({ dtype: "int64", dims: [1, 0], data: longs() });
    });

    test("gives the same bytes as the session of a CPU, for batches of any size", async () => {
      const path = await write(mlpModel(MLP));
      await using session = await open(path);
      await using plain = await createSession(path, { device: "cpu", threads: 1 });
      for (const rows of [1, 2, 7, 64, 333, 0, 5]) {
        const feeds = { input: floats(rows, MLP.inputs) };
        expect(await session.run(feeds, ["logits"])).toEqual(await plain.run(feeds, ["logits"]));
      }
    });

    test("finds external data beside the model", async () => {
      await writeFile(join(folder, "weights.bin"), Float32Array.of(40));
      await using session = await openModel(withConstantIn("weights.bin"));
      const { y } = await session.run(
        { x: { dtype: "float32", dims: [1], data: Float32Array.of(2).buffer } },
        ["y"],
      );
      expect(new Float32Array(y?.data ?? new ArrayBuffer(4))[0]).toBe(42);
    });

    test("fails with MODEL_FAILED on bad rows or a wrong shape, dtype or name, and then still runs", async () => {
      await using session = await openModel(gatherModel({ table: [10, 20, 30] }));
      const index = (value: number): TensorData => ({ dtype: "int64", dims: [1], data: longs(value) });
      const bad: Record<string, TensorData>[] = [
        { index: index(3) },
        { index: index(-1) },
        { index: { dtype: "int64", dims: [1, 1], data: new ArrayBuffer(8) } },
        { index: { dtype: "float32", dims: [1], data: new ArrayBuffer(4) } },
        { index: { dtype: "int64", dims: [9], data: new ArrayBuffer(8) } },
        { index: { dtype: "string", dims: [1], data: packTexts(["a"]) } },
        { other: index(0) },
        {},
      ];
      for (const feeds of bad) {
        await expect(session.run(feeds, ["value"])).rejects.toMatchObject({ code: "MODEL_FAILED" });
      }
      const { value } = await session.run({ index: index(1) }, ["value"]);
      expect(new Float32Array(value?.data ?? new ArrayBuffer(4))[0]).toBe(20);
    });

    test("fails with OUT_OF_MEMORY when a result is too large, and then still runs", async () => {
      await using session = await openModel(zeros());
      const run = (...dims: number[]) =>
        session.run({ shape: { dtype: "int64", dims: [2], data: longs(...dims) } }, ["y"]);
      await expect(run(2 ** 31, 2 ** 20)).rejects.toMatchObject({ code: "OUT_OF_MEMORY" });
      expect(await run(2, 3)).toEqual({ y: { dtype: "float32", dims: [2, 3], data: new ArrayBuffer(24) } });
    });

    const broken: Record<string, Uint8Array> = {
      "a truncated file": mlpModel(MLP).subarray(0, 100),
      "missing external data": withConstantIn("missing.bin"),
      "an unknown operator": withConstantIn("weights.bin", "Frobnicate"),
    };
    test.each(Object.entries(broken))("fails with MODEL_INVALID and the path: %s", async (_, model) => {
      const path = await write(model);
      const expected = { code: "MODEL_INVALID", fields: { path }, hint: expect.stringMatching(/./) };
      await expect(open(path)).rejects.toMatchObject(expected);
    });

    test("can be opened, run and closed many times in one process", async () => {
      const path = await write(mlpModel(MLP));
      for (let round = 0; round < 20; round += 1) {
        await using session = await open(path);
        const { logits } = await session.run({ input: floats(50, MLP.inputs) }, ["logits"]);
        expect(logits?.dims).toEqual([50, 3]);
      }
    });
  });
}

function bytesOf(tensor: TensorData | undefined): Uint8Array {
  return new Uint8Array(tensor?.data ?? new ArrayBuffer(0));
}

function longs(...values: number[]): ArrayBuffer {
  return BigInt64Array.from(values, BigInt).buffer;
}

function floats(rows: number, columns: number): TensorData {
  const random = lcg(rows);
  const values = Float32Array.from({ length: rows * columns }, () => random() - 0.5);
  return { dtype: "float32", dims: [rows, columns], data: values.buffer };
}

/** Builds a model with a sequence, whose element the session gets in its place. */
function manyOutputs(): Uint8Array {
  const value = (name: string) => ({ name, dtype: "float32", dims: ["batch", 1] }) as const;
  return onnxModel({
    inputs: [value("x")],
    outputs: [{ ...value("all"), sequence: true }, value("relu"), value("half")],
    nodes: [
      { op: "SequenceConstruct", inputs: ["x"], outputs: ["all"] },
      { op: "Relu", inputs: ["x"], outputs: ["relu"] },
      { op: "Mul", inputs: ["x", "c"], outputs: ["half"] },
    ],
    constants: [{ name: "c", dtype: "float32", dims: [1], data: Float32Array.of(0.5) }],
  });
}

/** Builds a model that returns the positions of values other than zero. */
function positions(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "int64", dims: [1, "found"] }],
    nodes: [{ op: "NonZero", inputs: ["x"], outputs: ["y"] }],
  });
}

function zeros(): Uint8Array {
  return onnxModel({
    inputs: [{ name: "shape", dtype: "int64", dims: [2] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["a", "b"] }],
    nodes: [{ op: "ConstantOfShape", inputs: ["shape"], outputs: ["y"] }],
  });
}

function withConstantIn(file: string, op = "Add"): Uint8Array {
  const model: ModelSpec = {
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
    nodes: [{ op, inputs: ["x", "c"], outputs: ["y"] }],
    constants: [{ name: "c", dtype: "float32", dims: [1], data: Float32Array.of(1), external: file }],
  };
  return onnxModel(model);
}
