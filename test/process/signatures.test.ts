import { Field, FixedSizeList, Float32, type Table } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import type { Field as InputField } from "../../shared/domain/dataset.ts";
import { type Dim, withBatchAt } from "../../shared/domain/tensor.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { mapInMemory } from "../support/memory-shard.ts";
import { onnxModel } from "../support/onnx-model.ts";
import { plainRows, tableOf } from "../support/sample-table.ts";
import { column } from "../support/shard-inputs.ts";

/**
 * Signatures as real exporters write them. The batch is at any place of inputs and outputs. Open dimensions
 * have one name, several, or none. Each model doubles its input, so a row's answer is known for any
 * signature.
 */

/** Shape of a row in every model here: `[2, 3]`. */
const ROW = [2, 3] as const;
const ROWS = 7;

/** Declarations of a row's two dimensions. */
const DECLARED: Readonly<Record<string, readonly [Dim, Dim]>> = {
  sizes: ROW,
  "one name for both": ["s", "s"],
  "a name for each": ["s", "t"],
  "a name and a size": ["s", 3],
  "no name": ["", ""],
  "the name ? of Paddle": ["?", "?"],
};

const AXES = [0, 1, 2] as const;
type Axis = (typeof AXES)[number];

interface Shape {
  readonly batch: Dim;
  readonly axis: Axis;
  readonly row: readonly [Dim, Dim];
}

const dimsOf = ({ batch, axis, row }: Shape): readonly Dim[] => [
  ...row.slice(0, axis),
  batch,
  ...row.slice(axis),
];

/** Returns the permutation from one place of the batch to another. */
function permutation(from: Axis, to: Axis): readonly number[] {
  const rows = AXES.filter((axis) => axis !== from);
  return withBatchAt(rows, from, to);
}

function doubling(input: Shape, output: Shape): Uint8Array {
  return onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: dimsOf(input) }],
    outputs: [{ name: "y", dtype: "float32", dims: dimsOf(output) }],
    nodes: [
      { op: "Add", inputs: ["x", "x"], outputs: ["double"] },
      {
        op: "Transpose",
        inputs: ["double"],
        outputs: ["y"],
        attributes: { perm: [...permutation(input.axis, output.axis)] },
      },
    ],
  });
}

const values = Array.from({ length: ROWS }, (_, row) => Array.from({ length: 6 }, (_, at) => row * 10 + at));
const FIELDS: readonly InputField[] = [
  {
    name: "x",
    type: { kind: "fixedList", length: 6, item: { kind: "numeric", type: "float32" } },
    nullable: false,
  },
];

function rowsTable(name = "x"): Table {
  const type = new FixedSizeList(6, new Field("item", new Float32(), false));
  return tableOf(Object.fromEntries([[name, column(values, type)]]));
}

interface Said {
  readonly shape?: readonly number[];
  readonly batchAxis?: number;
}

async function answersOf(model: Uint8Array, input: Said, output: Said): Promise<unknown[]> {
  await using session = await createSession(model, { device: "cpu", threads: 1 });
  const map = bindMap(
    {
      inputs: { x: { scale: 1, offset: 0, ...input } },
      outputs: [{ column: "y", op: "raw", ...output }],
      keep: [],
      prepare: [],
      finish: [],
      batch: { rows: "auto", tokens: "auto" },
    },
    session.signature,
    FIELDS,
  );
  const { result } = await mapInMemory({
    map,
    table: rowsTable(),
    infer: async (feeds, outputs) => ({ outputs: await session.run(feeds, outputs), feeds, runMs: 1 }),
    nextRows: () => 2,
  });
  return plainRows(result.rows).map((row) => (row as { readonly y: unknown }).y);
}

const cases = Object.entries(DECLARED).flatMap(([name, row]) =>
  AXES.flatMap((from) => AXES.map((to) => ({ name, row, from, to }))),
);

test.each(cases)(
  "answers are right with the batch at input axis $from and output axis $to, declared with $name",
  async (one) => {
    const { row, from, to } = one;
    const model = doubling({ batch: "n", axis: from, row }, { batch: "n", axis: to, row });
    const answers = await answersOf(model, { shape: ROW, batchAxis: from }, { shape: ROW, batchAxis: to });
    expect(answers).toEqual(values.map((row) => row.map((value) => 2 * value)));
  },
);

test.each(AXES)("a fixed batch at axis %i is padded, and only the real rows are returned", async (axis) => {
  const shape: Shape = { batch: 4, axis, row: ROW };
  const answers = await answersOf(doubling(shape, shape), { batchAxis: axis }, { batchAxis: axis });
  expect(answers).toEqual(values.map((row) => row.map((value) => 2 * value)));
});

describe("a tensor whose batch dimension is unclear", () => {
  const problemsOf = (input: Shape, output: Shape, said: { input?: Said; output?: Said } = {}) =>
    answersOf(doubling(input, output), said.input ?? {}, said.output ?? {}).then(
      () => "no problem",
      (error: unknown) => (error as { problems: readonly object[] }).problems,
    );
  const first: Shape = { batch: "n", axis: 0, row: ROW };

  test("is refused with a hint when an output has its named batch at another axis", async () => {
    for (const row of [ROW, ["s", "t"]] as const) {
      expect(
        await problemsOf({ ...first, row }, { batch: "n", axis: 1, row }, { input: { shape: ROW } }),
      ).toMatchObject([
        {
          where: "map.outputs.y",
          what: "the model's output `y` does not have one row for each row of the batch",
          found: `[${row[0]}, n, ${row[1]}]`,
          hint: expect.stringContaining("`batchAxis: 1`"),
        },
      ]);
    }
  });

  test("is refused when an input has a fixed first dimension and another open one", async () => {
    const state: Shape = { batch: "", axis: 1, row: ROW };
    const other = { inputs: [{ name: "z", dtype: "float32", dims: ["n"] }] } as const;
    const model = onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: dimsOf(state) }, ...other.inputs],
      outputs: [{ name: "y", dtype: "float32", dims: ["n"] }],
      nodes: [{ op: "Relu", inputs: ["z"], outputs: ["y"] }],
    });
    await using session = await createSession(model, { device: "cpu", threads: 1 });
    const bindWith = (said: Said) =>
      bindMap(
        {
          inputs: { x: { scale: 1, offset: 0, ...said } },
          outputs: [],
          keep: [],
          prepare: [],
          finish: [],
          batch: { rows: "auto", tokens: "auto" },
        },
        session.signature,
        [...FIELDS, { name: "z", type: { kind: "numeric", type: "float32" }, nullable: false }],
      );
    expect(() => bindWith({})).toThrow(
      expect.objectContaining({
        problems: [
          expect.objectContaining({
            where: "map.inputs.x",
            what: "it is not clear which dimension of the model's input `x` is the batch",
            found: "[2, ?, 3]",
          }),
        ],
      }),
    );
    expect(bindWith({ batchAxis: 1 })).toMatchObject({
      fixedBatchRows: null,
      inputs: [{ tensor: "x", rowDims: [2, 3], batchAxis: 1 }, {}],
    });
  });

  test("is refused when batchAxis is not an axis of the tensor", async () => {
    expect(await problemsOf(first, first, { output: { batchAxis: 3 } })).toMatchObject([
      { where: "map.outputs.y.batchAxis", expected: "0 to 2", found: "3, of [n, 2, 3]" },
    ]);
  });

  test.each<[string, readonly Dim[], string, object]>([
    ["a scalar output", [], "ReduceSum", { found: "a scalar float32" }],
    ["an output without a batch", [2, 3], "ReduceSum0", { found: "[2, 3]" }],
  ])("is refused with the declared shape when it is %s", async (_name, dims, op, problem) => {
    const axes = { name: "axes", dtype: "int64", dims: [1], data: BigInt64Array.of(0n) } as const;
    const over = op === "ReduceSum" ? [] : ["axes"];
    const model = onnxModel({
      inputs: [{ name: "x", dtype: "float32", dims: ["n", 2, 3] }],
      outputs: [{ name: "y", dtype: "float32", dims }],
      nodes: [{ op: "ReduceSum", inputs: ["x", ...over], outputs: ["y"], attributes: { keepdims: 0 } }],
      constants: over.length === 0 ? [] : [axes],
    });
    const problems = await answersOf(model, {}, {}).catch((error) => error.problems);
    expect(problems).toMatchObject([{ where: "map.outputs.y", ...problem }]);
  });
});

test("a job's batchAxis overrides the batch size that the model declares", async () => {
  const model = onnxModel({
    inputs: [{ name: "x", dtype: "float32", dims: ["n", 2, 3] }],
    // onnxmltools declares LightGBM's labels with size one, but the model returns one per row.
    outputs: [{ name: "y", dtype: "float32", dims: [1, 2, 3] }],
    nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["y"] }],
  });
  await expect(answersOf(model, {}, {})).rejects.toMatchObject({ code: "SPEC_INVALID" });
  expect(await answersOf(model, {}, { batchAxis: 0 })).toEqual(
    values.map((row) => row.map((value) => 2 * value)),
  );
});

test("a wrong shape in the job fails with the declared, the expected and the returned shape", async () => {
  const open: Shape = { batch: "n", axis: 0, row: ["", ""] };
  await expect(answersOf(doubling(open, open), { shape: ROW }, { shape: [3, 2] })).rejects.toMatchObject({
    code: "MODEL_SHAPE",
    fields: { declared: "float32[n, ?, ?]", expected: "float32[1, 3, 2]", found: "float32[1, 2, 3]" },
  });
});

test.each([
  ["__proto__", "valueOf"],
  ["constructor", "toString"],
  ["hasOwnProperty", "constructor"],
])("an input can be named %s, and an output %s", async (name, output) => {
  const model = onnxModel({
    inputs: [{ name, dtype: "float32", dims: ["n", 6] }],
    outputs: [{ name: output, dtype: "float32", dims: ["n", 6] }],
    nodes: [{ op: "Add", inputs: [name, name], outputs: [output] }],
  });
  await using session = await createSession(model, { device: "cpu", threads: 1 });
  const map = bindMap(
    { inputs: {}, outputs: [], keep: [], prepare: [], finish: [], batch: { rows: "auto", tokens: "auto" } },
    session.signature,
    FIELDS.map((field) => ({ ...field, name })),
  );
  const { result } = await mapInMemory({
    map,
    table: rowsTable(name),
    infer: async (feeds, outputs) => ({ outputs: await session.run(feeds, outputs), feeds, runMs: 1 }),
    nextRows: () => 2,
  });
  expect(result.rows.numRows).toBe(ROWS);
  expect([...(result.rows.getChild(output)?.get(3) ?? [])]).toEqual([60, 62, 64, 66, 68, 70]);
});
