import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DTYPE_ARRAYS, DTYPES, type TensorData } from "../../shared/domain/tensor.ts";
import { packTexts, unpackTexts } from "../../shared/domain/texts.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { gatherModel, identityModel, mlpModel, type NodeSpec, onnxModel } from "../support/onnx-model.ts";

const cpu = { device: "cpu", threads: 1 } as const;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-session-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Builds a model of one node on a float32 vector. */
function oneNode(node: Omit<NodeSpec, "outputs">, opset = 13): Uint8Array {
  return onnxModel({
    opset,
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
    nodes: [{ ...node, outputs: ["y"] }],
  });
}

function withConstantIn(file: string): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
    outputs: [{ name: "y", dtype: "float32", dims: ["batch"] }],
    nodes: [{ op: "Add", inputs: ["x", "c"], outputs: ["y"] }],
    constants: [{ name: "c", dtype: "float32", dims: [1], data: Float32Array.of(1), external: file }],
  });
}

describe("an ONNX session", () => {
  test.each(DTYPES)("returns %s values bit for bit", async (dtype) => {
    await using session = await createSession(identityModel({ dtype, dims: ["batch", 3] }), cpu);
    expect(session.signature).toEqual({
      inputs: [{ name: "x", dtype, dims: ["batch", 3] }],
      outputs: [{ name: "y", dtype, dims: ["batch", 3] }],
      unusable: [],
    });
    const bytes = Uint8Array.from({ length: 6 * DTYPE_ARRAYS[dtype].BYTES_PER_ELEMENT }, (_unused, index) =>
      dtype === "bool" ? index % 2 : (index * 37 + 1) % 120,
    );
    const { y } = await session.run({ x: { dtype, dims: [2, 3], data: bytes.slice().buffer } }, ["y"]);
    expect(y).toMatchObject({ dtype, dims: [2, 3] });
    expect(new Uint8Array(y?.data ?? new ArrayBuffer(0))).toEqual(bytes);
  });

  test("returns texts of any script", async () => {
    await using session = await createSession(identityModel({ dtype: "string", dims: ["batch"] }), cpu);
    const texts = ["a", "", "東京 🗼", "naïve"];
    const { y } = await session.run({ x: { dtype: "string", dims: [4], data: packTexts(texts) } }, ["y"]);
    expect(unpackTexts(y?.data ?? new ArrayBuffer(0), 4)).toEqual(texts);
  });

  test("accepts a buffer that is longer than its dims, and a batch without rows", async () => {
    await using session = await createSession(identityModel({ dtype: "float32", dims: ["batch", 2] }), cpu);
    const data = Float32Array.of(1, 2, 3, 4).buffer;
    const { y } = await session.run({ x: { dtype: "float32", dims: [1, 2], data } }, ["y"]);
    expect([...new Float32Array(y?.data ?? new ArrayBuffer(0))]).toEqual([1, 2]);
    const none = await session.run({ x: { dtype: "float32", dims: [0, 2], data } }, ["y"]);
    expect(none.y?.data.byteLength).toBe(0);
  });

  test("returns only the requested outputs", async () => {
    const model = onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["batch"] }],
      outputs: [
        { name: "all", dtype: "float32", dims: ["batch"], sequence: true },
        { name: "y", dtype: "float32", dims: ["batch"] },
      ],
      nodes: [
        { op: "SequenceConstruct", inputs: ["x"], outputs: ["all"] },
        { op: "Relu", inputs: ["x"], outputs: ["y"] },
      ],
    });
    await using session = await createSession(model, cpu);
    expect(session.signature.outputs.map(({ name }) => name)).toEqual(["all_0", "y"]);
    const x: TensorData = { dtype: "float32", dims: [2], data: Float32Array.of(-1, 1).buffer };
    const answer = await session.run({ x }, ["y"]);
    expect(Object.keys(answer)).toEqual(["y"]);
  });

  test("fails with MODEL_FAILED on bad rows or a wrong shape, dtype or name, and then still runs", async () => {
    await using session = await createSession(gatherModel(), cpu);
    const index = (value: number): TensorData => ({
      dtype: "int64",
      dims: [1],
      data: BigInt64Array.of(BigInt(value)).buffer,
    });
    const bad: Record<string, TensorData>[] = [
      { index: index(3) },
      { index: index(-1) },
      { index: { dtype: "int64", dims: [1, 1], data: new ArrayBuffer(8) } },
      { index: { dtype: "float32", dims: [1], data: new ArrayBuffer(4) } },
      { index: { dtype: "int64", dims: [9], data: new ArrayBuffer(8) } },
      { other: index(0) },
      {},
    ];
    for (const feeds of bad) {
      await expect(session.run(feeds, ["value"])).rejects.toMatchObject({ code: "MODEL_FAILED" });
    }
    const { value } = await session.run({ index: index(1) }, ["value"]);
    expect(new Float32Array(value?.data ?? new ArrayBuffer(0))[0]).toBe(20);
  });
});

describe("a model that cannot run", () => {
  const whole = mlpModel({ inputs: 8, hidden: 16, outputs: 3 });
  const cases: Record<string, { bytes: Uint8Array; hint: RegExp }> = {
    "a truncated file": { bytes: whole.subarray(0, whole.length >> 1), hint: /copied whole/ },
    "an empty file": { bytes: new Uint8Array(), hint: /copied whole/ },
    garbage: { bytes: new TextEncoder().encode("this is no model at all. ".repeat(40)), hint: /ONNX file/ },
    "a future operator set": { bytes: oneNode({ op: "Relu", inputs: ["x"] }, 99), hint: /export/ },
    "an unknown operator": { bytes: oneNode({ op: "Frobnicate", inputs: ["x"] }), hint: /custom operators/ },
    "a node without its input": {
      bytes: oneNode({ op: "Add", inputs: ["x", "nowhere"] }),
      hint: /onnx.checker/,
    },
    "a bfloat16 output": { bytes: identityModel({ dtype: "bfloat16", dims: ["b"] }), hint: /export/ },
    "missing external data": { bytes: withConstantIn("weights.bin"), hint: /external data files/ },
    "external data outside the model's folder": {
      bytes: withConstantIn("../../etc/hostname"),
      hint: /external data files/,
    },
  };
  test.each(Object.entries(cases))(
    "fails with MODEL_INVALID and its path: %s",
    async (name, { bytes, hint }) => {
      const path = join(folder, `${name.replaceAll(/\W/g, "-")}.onnx`);
      await writeFile(path, bytes);
      await expect(createSession(path, cpu)).rejects.toMatchObject({
        code: "MODEL_INVALID",
        fields: { path },
        hint: expect.stringMatching(hint),
      });
    },
  );

  test("fails with MODEL_INVALID when it is a folder or a Parquet file", async () => {
    const path = join(folder, "folder.onnx");
    await mkdir(path);
    await expect(createSession(path, cpu)).rejects.toMatchObject({ code: "MODEL_INVALID" });
    const parquet = join(folder, "rows.parquet");
    const duckdb = await DuckDBInstance.create();
    const connection = await duckdb.connect();
    await connection.run(`COPY (SELECT range AS id FROM range(1000)) TO '${parquet}'`);
    connection.closeSync();
    duckdb.closeSync();
    await expect(createSession(parquet, cpu)).rejects.toMatchObject({ code: "MODEL_INVALID" });
  });

  test("fails with MODEL_INVALID and the input's name when an input is a sequence", async () => {
    const model = onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["batch"], sequence: true }],
      outputs: [{ name: "y", dtype: "int64", dims: [] }],
      nodes: [{ op: "SequenceLength", inputs: ["x"], outputs: ["y"] }],
    });
    await expect(createSession(model, cpu)).rejects.toMatchObject({
      code: "MODEL_INVALID",
      fields: { tensor: "x" },
    });
  });
});
