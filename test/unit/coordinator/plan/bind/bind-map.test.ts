import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bindMap } from "../../../../../coordinator/plan/bind/bind-map.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import type { Field, FieldType } from "../../../../../shared/domain/dataset.ts";
import { outputFields } from "../../../../../shared/domain/output-fields.ts";
import { DTYPES, product, type TensorInfo } from "../../../../../shared/domain/tensor.ts";
import { OUTPUT_OPS } from "../../../../../shared/output-ops/output-ops.ts";
import { aMap, aTensor, bind, fields, fixedList, list, numeric, problemsOf } from "./bind-fixtures.ts";

const TYPES: Readonly<Record<string, FieldType>> = {
  id: { kind: "string" },
  image: fixedList(784),
  label: numeric("int32"),
};

describe("an empty map", () => {
  test("an empty map feeds each input from the column of its name, and outputs each tensor unchanged", () => {
    expect(bind({}, TYPES)).toEqual({
      inputs: [
        {
          tensor: "image",
          dtype: "float32",
          rowDims: [784],
          rowValues: 784,
          source: { kind: "one", column: "image" },
          scale: 1,
          offset: 0,
          fill: null,
          rowShape: { kind: "even" },
          batchAxis: 0,
        },
      ],
      outputs: [
        {
          column: "logits",
          tensor: "logits",
          dtype: "float32",
          rowDims: [10],
          rowValues: 10,
          sequence: null,
          batchAxis: 0,
          declaredDims: ["batch", 10],
          op: { kind: "raw" },
        },
      ],
      keep: [],
      columns: ["image"],
      prepare: [],
      finish: [],
      fixedBatchRows: null,
    });
  });
});

describe("the columns that are read", () => {
  test("columns of inputs and kept columns are read once each, in the order of the input", () => {
    const plan = bind({ keep: ["label", "image", "id"] }, TYPES);
    expect(plan.keep.map(({ name }) => name)).toEqual(["label", "image", "id"]);
    expect(plan.columns).toEqual(["id", "image", "label"]);
  });

  test("a kept column may be of any type", () => {
    const when = { kind: "timestamp", unit: "microsecond", zone: null } as const;
    const plan = bind({ keep: ["when"] }, { ...TYPES, when });
    expect(plan.keep[0]?.type).toEqual(when);
  });

  test("a missing kept column is a problem with the nearest name as hint", () => {
    expect(problemsOf({ keep: ["id", "labl"] }, TYPES)).toEqual([
      {
        where: "map.keep[1]",
        what: "no column `labl`",
        expected: "a column of the input: `id`, `image`, `label`",
        found: "`labl`",
        hint: "did you mean `label`?",
      },
    ]);
  });

  test("a duplicate column of the input is a problem", () => {
    const twice: Field = { name: "image", type: fixedList(784), nullable: false };
    expect(() =>
      bindMap(aMap(), { inputs: [aTensor("image", ["n", 784])], outputs: [], unusable: [] }, [twice, twice]),
    ).toThrow(
      expect.objectContaining({
        problems: [expect.objectContaining({ what: "the input has more than one column `image`" })],
      }),
    );
  });
});

describe("the batch", () => {
  const fixed = { inputs: [aTensor("image", [32, 784])], outputs: [aTensor("logits", [32, 10])] };

  test("the model may fix the size of the batch", () => {
    expect(bind({}, TYPES, fixed).fixedBatchRows).toBe(32);
    expect(bind({ rows: 32 }, TYPES, fixed).fixedBatchRows).toBe(32);
  });

  test("a batch size other than the model's is a problem", () => {
    expect(problemsOf({ rows: 64 }, TYPES, fixed)).toEqual([
      {
        where: "map.batch.rows",
        what: "the model takes batches of one size only",
        expected: "32, or `auto`",
        found: "64",
      },
    ]);
  });

  test("inputs with different batch sizes are a problem", () => {
    const inputs = [aTensor("image", [32, 784]), aTensor("label", [16])];
    expect(problemsOf({}, TYPES, { inputs, outputs: [aTensor("y", [32])] })[0]).toMatchObject({
      where: "map.inputs.label",
      expected: "32 rows, as in `image` [32, 784]",
      found: "`label` [16]",
    });
  });

  test("an input without a batch dimension is a problem", () => {
    const [problem] = problemsOf({}, TYPES, { inputs: [aTensor("label", [])] });
    expect(problem).toMatchObject({ where: "map.inputs.label", found: "a scalar float32" });
  });

  test("an output without a batch dimension is a problem if it is used", () => {
    const outputs = [aTensor("logits", ["n", 10]), aTensor("total", []), aTensor("mean", [1, 10])];
    expect(problemsOf({}, TYPES, { outputs }).map(({ where }) => where)).toEqual([
      "map.outputs.total",
      "map.outputs.mean",
    ]);
    expect(bind({ outputs: { y: { tensor: "logits" } } }, TYPES, { outputs }).outputs).toHaveLength(1);
  });
});

describe("names of output columns", () => {
  test("an output column with the name of a kept column, in any case, is a problem", () => {
    const [problem] = problemsOf({ keep: ["label"] }, TYPES, { outputs: [aTensor("Label", ["n"])] });
    expect(problem).toMatchObject({
      where: "map.outputs.Label",
      what: "two output columns are named `Label`",
      found: "the output `Label`, and the kept column `label`",
    });
  });

  test("the names of columns that topK adds are checked, too", () => {
    const outputs = { y: { op: "topK", k: 2 }, y_indices: { op: "argmax" } } as const;
    expect(problemsOf({ outputs }, TYPES)[0]?.where).toBe("map.outputs.y_indices");
  });
});

describe("a map with several problems", () => {
  test("all problems are reported at once", () => {
    const problems = problemsOf(
      {
        inputs: { imge: {}, image: { column: "pixels" } },
        outputs: { y: { tensor: "logit" }, z: { op: "topK", k: 11 } },
        keep: ["nothing"],
        rows: 7,
      },
      TYPES,
      { inputs: [aTensor("image", [8, 784])], outputs: [aTensor("logits", [8, 10])] },
    );
    expect(problems.map(({ where, hint }) => [where, hint])).toEqual([
      ["map.batch.rows", undefined],
      ["map.inputs.imge", "did you mean `image`?"],
      ["map.inputs.image.column", undefined],
      ["map.outputs.y.tensor", "did you mean `logits`?"],
      ["map.outputs.z.k", undefined],
      ["map.keep[0]", undefined],
    ]);
  });
});

describe("any map, model and input", () => {
  const dtype = fc.constantFrom(...DTYPES);
  const dim = fc.constantFrom(1, 2, 3, 4, "n", "s", "", -1);
  const dims = fc.oneof(
    { weight: 9, arbitrary: fc.array(dim, { maxLength: 2 }).map((rest) => ["n", ...rest]) },
    { weight: 1, arbitrary: fc.array(dim, { maxLength: 3 }) },
  );
  const tensor = (name: string): fc.Arbitrary<TensorInfo> =>
    fc.record({ name: fc.constant(name), dtype, dims });
  const leaf = fc.constantFrom<FieldType>(numeric("float32"), numeric("bool"), { kind: "string" });
  const type = fc.oneof(
    leaf,
    leaf.map((item) => list(item)),
    fc.constantFrom(...[1, 2, 3, 4].map((length) => fixedList(length))),
    fc.tuple(fc.nat({ max: 6 }), leaf).map(([length, item]) => fixedList(length, item)),
    fc.nat({ max: 12 }).map((bytes): FieldType => ({ kind: "fixedBinary", bytes })),
    fc.constant<FieldType>({ kind: "binary" }),
  );
  const shape = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 2 });
  const input = fc.record(
    { column: fc.constantFrom("a", "b", "a", "b", "q"), shape, fill: fc.constant(0) },
    { requiredKeys: [] },
  );
  /** Ops that need no key besides their name. */
  const UNASSISTED = OUTPUT_OPS.filter(({ required }) => Object.keys(required).length === 0).map(
    ({ kind }) => kind,
  );
  const output = fc.record(
    {
      tensor: fc.constantFrom("y", "z", "y", "z", "q"),
      op: fc.constantFrom("raw", "raw", ...UNASSISTED),
      shape,
    },
    { requiredKeys: [] },
  );

  test("any combination binds to a valid plan, or is refused with a place for each problem", () => {
    let bound = 0;
    fc.assert(
      fc.property(
        fc.record({ a: type, b: type }),
        fc.record({ inputs: fc.tuple(tensor("a")), outputs: fc.tuple(tensor("y"), tensor("z")) }),
        fc.record({
          inputs: fc.dictionary(fc.constantFrom("a", "a", "a", "q"), input, { maxKeys: 1 }),
          outputs: fc.dictionary(fc.constantFrom("o", "a"), output, { maxKeys: 2 }),
          keep: fc.subarray(["a", "b"]),
        }),
        (types, model, map) => {
          try {
            const plan = bind(map, types, model);
            bound += 1;
            for (const { rowDims, rowValues } of [...plan.inputs, ...plan.outputs]) {
              expect(product(rowDims)).toBe(rowValues);
              expect(rowDims.every((size) => Number.isInteger(size) && size >= 1)).toBe(true);
            }
            expect(plan.inputs).toHaveLength(model.inputs.length);
            const names = outputFields(plan).map(({ name }) => name);
            expect(new Set(names).size).toBe(names.length);
            expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
          } catch (error) {
            if (!isShardmillError(error, "SPEC_INVALID")) throw error;
            expect(error.problems.length).toBeGreaterThan(0);
            for (const { where } of error.problems) expect(where).toMatch(/^map\./);
          }
        },
      ),
      { numRuns: 3000 },
    );
    expect(bound).toBeGreaterThan(20);
  });
});

describe("the map of a job without a model", () => {
  const columns = fields({ id: { kind: "string" }, n: { kind: "numeric", type: "int32" } });

  test("keeps all columns by default, and reads no others than it keeps", () => {
    const bare = { inputs: [], outputs: [], prepare: [], finish: [], fixedBatchRows: null };
    expect(bindMap(aMap(), null, columns)).toEqual({ ...bare, keep: columns, columns: ["id", "n"] });
    const [, n] = columns;
    expect(bindMap(aMap({ keep: ["n"] }), null, columns)).toEqual({ ...bare, keep: [n], columns: ["n"] });
  });

  test("refuses a missing column, and columns that SQL cannot tell apart", () => {
    const problems = (keep: string[], of = columns) => {
      try {
        bindMap(aMap({ keep }), null, of);
        return [];
      } catch (error) {
        return isShardmillError(error, "SPEC_INVALID") ? error.problems : [];
      }
    };
    expect(problems(["m"])).toMatchObject([{ where: "map.keep[0]", what: "no column `m`" }]);
    expect(problems([], fields({ a: { kind: "string" }, A: { kind: "string" } }))).toMatchObject([
      { what: "two output columns are named `A`" },
    ]);
  });
});
