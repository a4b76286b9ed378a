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

describe("a session", () => {
  test.each(DTYPES)("gives %s back bit for bit, in a buffer of its own", async (dtype) => {
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

  test("gives texts back, of any script", async () => {
    await using session = await createSession(identityModel({ dtype: "string", dims: ["batch"] }), cpu);
    const texts = ["a", "", "東京 🗼", "naïve"];
    const { y } = await session.run({ x: { dtype: "string", dims: [4], data: packTexts(texts) } }, ["y"]);
    expect(unpackTexts(y?.data ?? new ArrayBuffer(0), 4)).toEqual(texts);
  });

  test("takes a buffer longer than the dims say, and no rows at all", async () => {
    await using session = await createSession(identityModel({ dtype: "float32", dims: ["batch", 2] }), cpu);
    const data = Float32Array.of(1, 2, 3, 4).buffer;
    const { y } = await session.run({ x: { dtype: "float32", dims: [1, 2], data } }, ["y"]);
    expect([...new Float32Array(y?.data ?? new ArrayBuffer(0))]).toEqual([1, 2]);
    const none = await session.run({ x: { dtype: "float32", dims: [0, 2], data } }, ["y"]);
    expect(none.y?.data.byteLength).toBe(0);
  });

  test("gives only the outputs that it is asked for", async () => {
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

  test("fails on bad rows, on a wrong shape, dtype or name with MODEL_FAILED, and then still runs", async () => {
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

describe("what is not a model that can run is MODEL_INVALID with its path", () => {
  const whole = mlpModel({ inputs: 8, hidden: 16, outputs: 3 });
  const cases: Record<string, { bytes: Uint8Array; hint: RegExp }> = {
    "a truncated file": { bytes: whole.subarray(0, whole.length >> 1), hint: /copied whole/ },
    "an empty file": { bytes: new Uint8Array(), hint: /copied whole/ },
    garbage: { bytes: new TextEncoder().encode("this is no model at all. ".repeat(40)), hint: /ONNX file/ },
    "an operator set of the future": { bytes: oneNode({ op: "Relu", inputs: ["x"] }, 99), hint: /export/ },
    "an unknown operator": { bytes: oneNode({ op: "Frobnicate", inputs: ["x"] }), hint: /custom operators/ },
    "a node without its input": {
      bytes: oneNode({ op: "Add", inputs: ["x", "nowhere"] }),
      hint: /onnx.checker/,
    },
    "an output of bfloat16": { bytes: identityModel({ dtype: "bfloat16", dims: ["b"] }), hint: /export/ },
    "external data that is missing": { bytes: withConstantIn("weights.bin"), hint: /external data files/ },
    "external data outside the model's folder": {
      bytes: withConstantIn("../../etc/hostname"),
      hint: /external data files/,
    },
  };
  test.each(Object.entries(cases))("%s", async (name, { bytes, hint }) => {
    const path = join(folder, `${name.replaceAll(/\W/g, "-")}.onnx`);
    await writeFile(path, bytes);
    await expect(createSession(path, cpu)).rejects.toMatchObject({
      code: "MODEL_INVALID",
      fields: { path },
      hint: expect.stringMatching(hint),
    });
  });

  test("a folder, and a Parquet file", async () => {
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

  test("an input that is a sequence, which is named", async () => {
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
