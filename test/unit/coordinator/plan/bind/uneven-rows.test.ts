import { describe, expect, test } from "vitest";
import { aTensor, bind, fixedList, list, type MapParts, numeric, problemsOf } from "./bind-fixtures.ts";

const IDS = list(numeric("int64"));
const ids = (name = "input_ids", dims: readonly (number | string)[] = ["sequence"]) =>
  aTensor(name, ["batch", ...dims], "int64");
/** A sentence encoder, as exporters write it. */
const ENCODER = {
  inputs: [ids(), ids("attention_mask")],
  outputs: [
    aTensor("pooled", ["batch", 384]),
    aTensor("tokens", ["batch", "sequence", 384]),
    aTensor("scores", ["batch", "sequence"]),
  ],
};
const MASK = { attention_mask: { mask: "input_ids" } };

describe("uneven rows", () => {
  test("rows are uneven if lists without a fixed length feed an open first dimension", () => {
    const { inputs, columns } = bind({ inputs: MASK }, { input_ids: IDS }, ENCODER);
    expect(inputs).toEqual([
      {
        tensor: "input_ids",
        dtype: "int64",
        rowDims: [],
        rowValues: 1,
        source: { kind: "one", column: "input_ids" },
        scale: 1,
        offset: 0,
        fill: null,
        rowShape: { kind: "padded", pad: 0, sequence: 0 },
        batchAxis: 0,
      },
      {
        tensor: "attention_mask",
        dtype: "int64",
        rowDims: [],
        rowValues: 1,
        source: { kind: "mask", of: "input_ids" },
        scale: 1,
        offset: 0,
        fill: null,
        rowShape: { kind: "padded", pad: 0, sequence: 0 },
        batchAxis: 0,
      },
    ]);
    expect(columns).toEqual(["input_ids"]);
  });

  test.each<[string, Parameters<typeof list>[0], number[], number]>([
    ["flat lists", numeric("float32"), [80], 80],
    ["lists of vectors of a position", fixedList(80), [80], 80],
    ["lists of vectors of several positions", fixedList(160), [80], 80],
    ["lists of lists, checked row by row", list(), [80], 80],
    ["lists of matrices", fixedList(4, fixedList(20)), [4, 20], 80],
  ])("positions of several values come from %s", (_name, item, rowDims, rowValues) => {
    const model = {
      inputs: [aTensor("frames", ["n", "time", ...rowDims])],
      outputs: [aTensor("y", ["n", 2])],
    };
    const [input] = bind({}, { frames: list(item) }, model).inputs;
    expect(input).toMatchObject({ rowDims, rowValues, rowShape: { kind: "unpadded", sequence: 0 } });
  });

  test("rows are even if `shape` or another input with the same symbol sets their length", () => {
    const given = bind({ inputs: { input_ids: { shape: [128] }, ...MASKED_COLUMN } }, BOTH, ENCODER);
    expect(given.inputs.map(({ rowDims, rowShape }) => [rowDims, rowShape.kind])).toEqual([
      [[128], "even"],
      [[128], "even"],
    ]);
    const types = { input_ids: IDS, attention_mask: fixedList(64, numeric("int64")) };
    const shared = bind({ outputs: { y: { tensor: "pooled" } } }, types, ENCODER);
    expect(shared.inputs.map(({ rowDims, rowShape }) => [rowDims, rowShape.kind])).toEqual([
      [[64], "even"],
      [[64], "even"],
    ]);
  });
});

const BOTH = { input_ids: IDS, attention_mask: IDS };
const MASKED_COLUMN = { attention_mask: { column: "attention_mask" } };

describe("the padding of rows", () => {
  const padsOf = (map: MapParts, model = ENCODER, types: Parameters<typeof bind>[1] = BOTH) =>
    bind(map, types, model).inputs.map(({ rowShape }) =>
      rowShape.kind === "padded" ? rowShape.pad : rowShape.kind,
    );

  test("rows are padded if a mask is made, with the value of `pad`", () => {
    expect(padsOf({ inputs: { ...MASK, input_ids: { pad: 1 } } })).toEqual([1, 0]);
  });

  test("a scaled mask pads rows, unless positions and padding would have the same value", () => {
    const additive = { attention_mask: { mask: "input_ids", scale: 10_000, offset: -10_000 } };
    expect(padsOf({ inputs: additive })).toEqual([0, -10_000]);
    const model = { ...ENCODER, inputs: [ids(), ids("token_type_ids")] };
    expect(padsOf({ inputs: { token_type_ids: { mask: "input_ids", scale: 0 } } }, model)).toEqual([
      "unpadded",
      "unpadded",
    ]);
  });

  test("rows are padded if a column feeds an input with the name of a mask", () => {
    expect(padsOf({})).toEqual([0, 0]);
  });

  test("rows of a model without a mask are padded only if the job sets `pad`", () => {
    const model = { inputs: [ids()], outputs: [aTensor("pooled", ["batch", 384])] };
    expect(padsOf({}, model as typeof ENCODER)).toEqual(["unpadded"]);
    expect(padsOf({ inputs: { input_ids: { pad: 0 } } }, model as typeof ENCODER)).toEqual([0]);
  });
});

describe("outputs of uneven rows", () => {
  test("an output is a list if its first dimension is that of the inputs, named or not", () => {
    const plan = bind({ inputs: MASK }, { input_ids: IDS }, ENCODER);
    expect(plan.outputs.map(({ rowDims, sequence }) => [rowDims, sequence])).toEqual([
      [[384], null],
      [[384], 0],
      [[], 0],
    ]);
    const unnamed = { inputs: [ids("x", [-1])], outputs: [aTensor("y", ["n", -1, 2])] };
    expect(bind({}, { x: IDS }, unnamed).outputs[0]).toMatchObject({ rowDims: [2], sequence: 0 });
    const given = bind({ outputs: { y: { shape: [5, 2] } } }, { x: IDS }, unnamed);
    expect(given.outputs[0]).toMatchObject({ rowDims: [5, 2], sequence: null });
  });

  test("an output is pooled to one vector a row, and invalid settings for vectors are refused", () => {
    const outputs = {
      one: { tensor: "tokens", op: "pool", pool: "mean", dims: 128, normalize: true, as: "int8" },
    } as const;
    expect(bind({ inputs: MASK, outputs }, { input_ids: IDS }, ENCODER).outputs[0]).toMatchObject({
      rowDims: [384],
      sequence: 0,
      op: {
        kind: "pool",
        pool: "mean",
        positions: null,
        vector: { dims: 128, normalize: true, as: "int8" },
      },
    });
    const wrong = {
      all: { tensor: "tokens", op: "pool", pool: "mean", positions: "all", dims: 385 },
      each: { tensor: "tokens", normalize: true },
      score: { tensor: "scores", op: "pool", pool: "max", normalize: true },
    } as const;
    const problems = problemsOf({ inputs: MASK, outputs: wrong }, { input_ids: IDS }, ENCODER);
    expect(problems.map(({ where, found }) => [where, found])).toEqual([
      ["map.outputs.all.positions", "`all`"],
      ["map.outputs.all.dims", "385"],
      ["map.outputs.each.normalize", "a value or a vector for each position, which `op: pool` makes one of"],
      ["map.outputs.score.normalize", "one value a row"],
    ]);
  });

  test("other ops and a `shape` are refused", () => {
    const outputs = {
      best: { tensor: "tokens", op: "argmax" },
      cut: { tensor: "scores", shape: [128] },
    } as const;
    expect(problemsOf({ inputs: MASK, outputs }, { input_ids: IDS }, ENCODER)).toEqual([
      {
        where: "map.outputs.best.op",
        what: "`argmax` cannot use an output with a value for each position",
        expected: "`op: pool`, for one vector a row, or `op: raw`, for a list that is as long as the row",
        found: "`tokens` [batch, sequence, 384]",
        hint: "for other results, compute on the list by SQL in `finish` or `reduce`, or change the model",
      },
      expect.objectContaining({ where: "map.outputs.cut.shape", found: "[sequence] after the batch" }),
    ]);
  });

  test("an output with a second uneven dimension is refused, with a hint to name the wanted outputs", () => {
    const attention = aTensor("attention", ["batch", 12, "sequence", "sequence"]);
    const square = aTensor("square", ["batch", "sequence", "sequence"]);
    const model = { inputs: ENCODER.inputs, outputs: [attention, square] };
    const problems = problemsOf({ inputs: MASK }, { input_ids: IDS }, model);
    expect(problems.map(({ where }) => where)).toEqual(["map.outputs.attention", "map.outputs.square"]);
    for (const { hint } of problems) expect(hint).toContain("name the outputs that you want");
  });
});

describe("problems of uneven rows", () => {
  test("all problems are reported at once", () => {
    const model = {
      inputs: [ids(), ids("attention_mask"), ids("fixed", [4]), aTensor("frames", ["batch", "time", 80])],
      outputs: [aTensor("pooled", ["batch", 384])],
    };
    const inputs = {
      input_ids: { pad: 1.5 },
      attention_mask: { mask: "inputs_ids" },
      fixed: { pad: 3 },
    };
    const types = { input_ids: IDS, fixed: fixedList(4), frames: list(fixedList(7)) };
    expect(problemsOf({ inputs, tokens: "auto" }, types, model)).toEqual([
      {
        where: "map.inputs.frames",
        what: "the column does not fit the model's input `frames`",
        expected: "lists of positions of 80 float32 values, [80]",
        found: "`frames`: list of fixed list of 7 float32",
      },
      {
        where: "map.inputs.attention_mask.mask",
        what: "the model has no input `inputs_ids`",
        expected: "one of `input_ids`, `fixed`, `frames`",
        found: "`inputs_ids`",
        hint: "did you mean `input_ids`?",
      },
      expect.objectContaining({ where: "map.inputs.fixed.pad", found: "`fixed` with [4] after the batch" }),
    ]);
  });

  test.each([
    ["of an input of one length", "fixed", "`fixed` with [4] after the batch"],
    ["of itself", "attention_mask", "`attention_mask`, itself"],
    ["of another mask", "token_mask", "`token_mask`, a mask"],
  ])("a mask %s is refused", (_name, mask, found) => {
    const inputs = { attention_mask: { mask }, token_mask: { mask: "input_ids" } };
    const model = {
      inputs: [ids(), ids("attention_mask"), ids("token_mask"), ids("fixed", [4])],
      outputs: [aTensor("pooled", ["batch", 384])],
    };
    const types = { input_ids: IDS, fixed: fixedList(4) };
    expect(problemsOf({ inputs }, types, model)).toEqual([
      {
        where: "map.inputs.attention_mask.mask",
        what: `\`${mask}\` has no positions to make a mask of`,
        expected: "an input that is fed by lists of no fixed length",
        found,
        hint: "feed the mask from a column, or from `value`, if all rows of the model have one length",
      },
    ]);
  });

  test("a mask with several numbers for each position, or with values beyond its type, is refused", () => {
    const inputs = { attention_mask: { mask: "input_ids", scale: 1e20 } };
    const model = { ...ENCODER, inputs: [ids(), ids("attention_mask", ["sequence", 2])] };
    expect(problemsOf({ inputs }, { input_ids: IDS }, model)).toEqual([
      expect.objectContaining({
        where: "map.inputs.attention_mask",
        found: "[sequence, 2] after the batch",
      }),
      expect.objectContaining({
        where: "map.inputs.attention_mask",
        found: "100000000000000000000 for positions, 0 for padding",
      }),
    ]);
  });

  test("the hint for an unfed mask suggests `mask`", () => {
    const [problem] = problemsOf({}, { input_ids: IDS }, ENCODER);
    expect(problem).toMatchObject({
      where: "map.inputs.attention_mask",
      hint: "`mask` makes it of an input that is fed by lists: `attention_mask: { mask: input_ids }`",
    });
  });

  test("a pad value that the tensor cannot hold is refused", () => {
    const inputs = { ...MASK, input_ids: { pad: -(2 ** 70) } };
    expect(problemsOf({ inputs }, { input_ids: IDS }, ENCODER)).toEqual([
      expect.objectContaining({ where: "map.inputs.input_ids.pad", expected: "int64" }),
    ]);
  });

  test("`pad` is refused if the stacked columns of another input fix the length", () => {
    const types = { input_ids: IDS, m1: numeric("int64"), m2: numeric("int64") };
    const inputs = { input_ids: { pad: 1 }, attention_mask: { columns: "m*" } };
    const outputs = { y: { tensor: "pooled" } };
    expect(problemsOf({ inputs, outputs }, types, ENCODER)).toEqual([
      expect.objectContaining({
        where: "map.inputs.input_ids.pad",
        what: "all rows of this input have one length, so none needs padding",
        found: "`input_ids` with [2] after the batch",
      }),
    ]);
  });

  test("`tokens` is refused if rows have one length or batches have one size", () => {
    const even = problemsOf({ tokens: 4_096 }, { image: fixedList(784) });
    expect(even).toEqual([
      expect.objectContaining({
        where: "map.batch.tokens",
        what: "no input has rows of uneven length",
        found: "4096",
      }),
    ]);
    const fixed = {
      inputs: [aTensor("input_ids", [8, "sequence"], "int64")],
      outputs: [aTensor("pooled", [8, 384])],
    };
    expect(problemsOf({ tokens: 4_096 }, { input_ids: IDS }, fixed)).toEqual([
      expect.objectContaining({
        where: "map.batch.tokens",
        what: "the model takes batches of one size only",
      }),
    ]);
    expect(bind({}, { input_ids: IDS }, fixed)).toMatchObject({ fixedBatchRows: 8 });
  });
});
