import { readFileSync } from "node:fs";
import { type Data, Dictionary, Float32, Int32, Int64, Utf8, Vector } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import { fieldTypeOf } from "../../shared/dataset/fields.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { mapSpec } from "../../shared/domain/map-spec.ts";
import type { ModelSignature, TensorData } from "../../shared/domain/tensor.ts";
import { createSession, type Session } from "../../shared/onnx/session.ts";
import { buildFeeds, halve } from "../../worker/batch/batch.ts";
import { BufferPool } from "../../worker/batch/buffer-pool.ts";
import { checkTensor, createOutputWriter } from "../../worker/collect/output-writer.ts";
import { InputChunk } from "../../worker/tensorize/input-chunk.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { batchOf, column } from "../support/shard-inputs.ts";

/** One model of `test/support/tables`, its inputs, and the outputs of Python's onnxruntime. */
interface TableCase {
  readonly columns: Readonly<Record<string, { readonly type: string; readonly values: readonly unknown[] }>>;
  readonly inputs: Readonly<Record<string, object>>;
  readonly outputs: Readonly<Record<string, readonly unknown[]>>;
}

const FOLDER = new URL("../support/tables/", import.meta.url);
const CASES: Readonly<Record<string, TableCase>> = JSON.parse(
  readFileSync(new URL("cases.json", FOLDER), "utf8"),
);
const TYPES = {
  float32: new Float32(),
  int64: new Int64(),
  // Categories as Parquet and pandas provide them.
  string: new Dictionary(new Utf8(), new Int32()),
} as const;

function columnsOf({ columns }: TableCase): Readonly<Record<string, Data>> {
  const entries = Object.entries(columns).map(([name, { type, values }]) => {
    const all = type === "int64" ? values.map((value) => BigInt(Number(value))) : values;
    return [name, column(all, TYPES[type as keyof typeof TYPES])];
  });
  return Object.fromEntries(entries);
}

function bind(signature: ModelSignature, spec: object, columns: Readonly<Record<string, Data>>) {
  const fields = Object.entries(columns).map(([name, { type }]) => ({
    name,
    type: fieldTypeOf(type),
    nullable: true,
  }));
  return bindMap(mapSpec.parse(spec), signature, fields);
}

async function opened(name: string) {
  const found = CASES[name];
  if (found === undefined) throw new Error(`no case ${name}`);
  const session = await createSession(new URL(`${name}.onnx`, FOLDER).pathname, {
    device: "cpu",
    threads: 1,
  });
  return { found, columns: columnsOf(found), session, signature: session.signature };
}

/** Returns the columns of the job for all rows, run in batches of two sizes. */
async function run(session: Session, map: MapBinding, columns: Readonly<Record<string, Data>>) {
  const chunk = new InputChunk(batchOf(columns), 0, map.inputs);
  const { rows } = chunk;
  expect(chunk.liveRuns).toEqual([{ start: 0, end: rows }]);
  const whole = { pieces: [{ chunk, start: 0, end: rows }], rows, lengths: null, length: null };
  const writers = map.outputs.map((binding) => createOutputWriter(binding, rows));
  let place = 0;
  for (const batch of map.fixedBatchRows === null ? halve(whole) : [whole]) {
    const feeds = buildFeeds(batch, map, new BufferPool(9));
    const names = [...new Set(map.outputs.map(({ tensor }) => tensor))];
    const answer: Readonly<Record<string, TensorData>> = await session.run(feeds, names);
    const shape = { rows: Math.max(batch.rows, map.fixedBatchRows ?? 0), lengths: null };
    map.outputs.forEach((binding, index) => {
      const tensor = checkTensor(answer, binding, shape);
      writers[index]?.write(tensor, [{ tensorRow: 0, rows: batch.rows, place }]);
    });
    place += batch.rows;
  }
  const made = writers.flatMap((writer) => writer.columns);
  return Object.fromEntries(
    made.map((one) => [one.field.name, plain(one.take([{ start: 0, end: rows }]))] as const),
  );
}

function plain(data: Data): unknown[] {
  return Array.from(new Vector([data]), (cell: unknown) => {
    if (cell instanceof Vector) return Array.from(cell, Number);
    return typeof cell === "bigint" ? Number(cell) : cell;
  });
}

/** Returns the columns for the outputs of a Python session. A map becomes one column for each key. */
function expectedColumns(outputs: TableCase["outputs"]): Readonly<Record<string, unknown[]>> {
  const columns: Record<string, unknown[]> = {};
  for (const [name, rows] of Object.entries(outputs)) {
    const [first] = rows;
    const isSequence = name === "probabilities" && Array.isArray((first as unknown[])?.[0]);
    const parts = isSequence ? (rows as number[][][]) : null;
    for (const [at, part] of (parts ?? []).entries())
      for (const key of [0, 1]) columns[`${name}_${at}_${key}`] = part.map((row) => row[key]);
    if (parts !== null) continue;
    if (typeof first === "object" && first !== null && !Array.isArray(first)) {
      for (const key of Object.keys(first))
        columns[`${name}_${key}`] = (rows as Record<string, number>[]).map((row) => row[key]);
    } else columns[name] = rows.map((row) => (Array.isArray(row) && row.length === 1 ? row[0] : row));
  }
  return columns;
}

function expectClose(found: unknown, expected: unknown): void {
  if (Array.isArray(expected)) {
    expect(found).toHaveLength(expected.length);
    for (const [at, one] of expected.entries()) expectClose((found as unknown[])[at], one);
  } else if (typeof expected === "number") {
    expect(Math.abs(Number(found) - expected)).toBeLessThanOrEqual(1e-6);
  } else expect(found).toBe(expected);
}

describe("exported models of scikit-learn and LightGBM", () => {
  test.each(Object.keys(CASES))("%s returns the labels and numbers of Python", async (name) => {
    const { columns, signature, session, found } = await opened(name);
    await using _session = session;
    expect(signature.unusable).toEqual([]);
    const map = bind(signature, { inputs: found.inputs }, columns);
    const made = await run(session, map, columns);
    const expected = expectedColumns(found.outputs);
    expect(Object.keys(made).sort()).toEqual(Object.keys(expected).sort());
    for (const [column, values] of Object.entries(expected)) expectClose(made[column], values);
  });

  test("the class names of a model are the default labels", async () => {
    const { columns, signature, session } = await opened("linear-zipmap");
    await using _session = session;
    const outputs = { best: { tensor: "output_probability", op: "argmax" }, all: "output_probability" };
    const map = bind(signature, { inputs: { X: { columns: "f*" } }, outputs }, columns);
    const made = await run(session, map, columns);
    expect(made.best).toEqual(CASES["linear-zipmap"]?.outputs.output_label);
    expect((made.all as number[][])[0]).toHaveLength(3);
  });
});

describe("outputs that are not tensors", () => {
  const float = { dtype: "float32", dims: ["n"] } as const;
  const [x, y] = [
    { name: "x", ...float },
    { name: "y", ...float, sequence: true },
  ];

  test("a sequence that is split from a tensor is returned as that tensor", async () => {
    const split = { op: "SplitToSequence", inputs: ["x"], outputs: ["s"], attributes: { axis: 0 } };
    const passed = { op: "Identity", inputs: ["s"], outputs: ["y"] };
    const model = onnxModel({ inputs: [x], outputs: [y], nodes: [split, passed], opset: 16 });
    await using session = await createSession(model, { device: "cpu", threads: 1 });
    const feed: TensorData = { dtype: "float32", dims: [3], data: Float32Array.of(1, 2, 3).buffer };
    const { y: taken } = await session.run({ x: feed }, ["y"]);
    expect([session.signature.unusable, taken?.dims]).toEqual([[], [3]]);
    expect([...new Float32Array(taken?.data ?? new ArrayBuffer(0))]).toEqual([1, 2, 3]);
  });

  test("a sequence that is built step by step is returned as its tensors, and nodes can still read it", async () => {
    const nodes = [
      { op: "SequenceEmpty", inputs: [], outputs: ["none"] },
      { op: "SequenceInsert", inputs: ["none", "x"], outputs: ["one"] },
      { op: "Neg", inputs: ["x"], outputs: ["minus"] },
      { op: "SequenceInsert", inputs: ["one", "minus"], outputs: ["y"] },
      { op: "SequenceLength", inputs: ["y"], outputs: ["length"] },
    ];
    const length = { name: "length", dtype: "int64", dims: [] } as const;
    const model = onnxModel({ inputs: [x], outputs: [y, length], nodes });
    await using session = await createSession(model, { device: "cpu", threads: 1 });
    expect(session.signature.outputs.map(({ name }) => name)).toEqual(["y_0", "y_1", "length"]);
    const feed: TensorData = { dtype: "float32", dims: [1], data: Float32Array.of(5).buffer };
    const { y_1: minus, length: found } = await session.run({ x: feed }, ["y_1", "length"]);
    expect(new Float32Array(minus?.data ?? new ArrayBuffer(4))[0]).toBe(-5);
    expect(new BigInt64Array(found?.data ?? new ArrayBuffer(8))[0]).toBe(2n);
  });

  test("a sequence whose length is unknown before a run is reported as unusable", async () => {
    const keys = { op: "SequenceInsert", inputs: ["z", "x"], outputs: ["y"] };
    const z = { op: "SequenceAt", inputs: ["w", "i"], outputs: ["at"] };
    const w = { op: "SequenceConstruct", inputs: ["x"], outputs: ["w"] };
    const erase = { op: "SequenceErase", inputs: ["w"], outputs: ["z"] };
    const i = { name: "i", dtype: "int64", dims: [], data: BigInt64Array.of(0n) } as const;
    const model = onnxModel({ inputs: [x], outputs: [y], nodes: [w, z, erase, keys], constants: [i] });
    await using session = await createSession(model, { device: "cpu", threads: 1 });
    expect(session.signature.unusable).toEqual([{ name: "y", kind: "a sequence, map or optional value" }]);
  });
});
