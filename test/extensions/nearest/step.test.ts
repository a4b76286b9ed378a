import { Table } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { METRICS, type Metric, madeTypes, type NearestOp } from "../../../extensions/nearest/op.ts";
import { present } from "../../../shared/core/assert.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { int32Column } from "../../../shared/dataset/text-column.ts";
import { NO_STORES } from "../../../shared/domain/job-stores.ts";
import type { StepBinding, StepFile } from "../../../shared/domain/step-binding.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { fieldOfType } from "../../../shared/values/value-type.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { plainRows, tableOf } from "../../support/sample-table.ts";
import { fixedVectors, type Ids, type Rows, SetFolder, setTable, vectors } from "./sets.ts";

const { signal } = new AbortController();
let folder: SetFolder;

beforeAll(async () => {
  folder = await SetFolder.make();
});

afterAll(() => folder[Symbol.asyncDispose]());

function bindingOf(op: NearestOp, file: StepFile, rows: Table): StepBinding {
  const passed = fieldsOf(rows.schema).map((field) => ({ ...field, from: field.name }));
  const made = madeTypes(op).map((type) => ({ ...fieldOfType(type), from: null }));
  return {
    where: "step",
    op: { kind: "extension", step: "nearest", data: { ...op } },
    files: [file],
    reads: ["vector"],
    columns: [...passed, ...made],
  };
}

interface Found {
  readonly nearest: Ids;
  readonly nearest_score: readonly number[];
}

async function run(op: NearestOp, file: StepFile, rows: Table) {
  const binding = bindingOf(op, file, rows);
  await using step = await openStep(binding, { scratchPath: "", stores: NO_STORES });
  const [batch] = rows.select(["vector"]).batches;
  const { made, failed } = await step.run(present(batch, "a batch"), signal);
  return { found: plainRows(new Table([made])) as unknown as readonly Found[], failed };
}

/** Compares all pairs in float64, as the docs say. */
function judge(
  metric: Metric,
  query: readonly number[],
  set: readonly (readonly number[])[],
  k: number,
): { readonly at: readonly number[]; readonly scores: readonly number[] } {
  const dot = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
  const scores = set.map((vector) => {
    if (metric === "dot") return dot(query, vector);
    if (metric === "cosine")
      return dot(query, vector) / (Math.sqrt(dot(query, query)) * Math.sqrt(dot(vector, vector)));
    return Math.sqrt(query.reduce((sum, value, at) => sum + (value - (vector[at] ?? 0)) ** 2, 0));
  });
  const sign = metric === "euclidean" ? -1 : 1;
  const order = scores
    .map((_, at) => at)
    .sort((a, b) => {
      return sign * ((scores[b] ?? 0) - (scores[a] ?? 0)) || a - b;
    });
  const at = order.slice(0, k);
  return { at, scores: at.map((place) => Math.fround(scores[place] ?? 0)) };
}

/** Makes repeatable float32 numbers between -1 and 1. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.fround(state / 2 ** 31 - 1);
  };
}

function randomRows(rows: number, dims: number, next: () => number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: dims }, next));
}

describe.each(METRICS)("by %s", (metric) => {
  it("neighbours are those of all pairs, for any width, k, ties and numbers of vectors", async () => {
    const cases = fc.record({
      dims: fc.constantFrom(1, 3, 17),
      rows: fc.constantFrom(1, 2, 30, 400, 2_100),
      width: fc.constantFrom(16 as const, 32 as const, 64 as const),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      copies: fc.constantFrom(1, 5, 200),
      unit: fc.constantFrom(2 ** -9, 2 ** -19, 8),
      seed: fc.nat(),
    });
    const property = fc.asyncProperty(cases, async ({ dims, rows, width, share, copies, unit, seed }) => {
      const next = numbers(seed);
      // Exact in float16, and not zero.
      const half = (value: number) => (Math.round(value * 512) || 1) * unit;
      const distinct = randomRows(Math.ceil(rows / copies), dims, () => half(next()));
      const set = Array.from({ length: rows }, (_, row) => present(distinct[row % distinct.length], "a row"));
      const queries = [...randomRows(3, dims, () => half(next())), present(set[0], "a row")];
      const k = Math.max(1, Math.round(share * rows));
      const { op, file } = await folder.opOf([setTable(fixedVectors(set, width))], { metric, k });
      const { found, failed } = await run(op, file, setTable(vectors(queries, width)));
      expect(failed).toEqual([]);
      for (const [row, query] of queries.entries()) {
        const { at, scores } = judge(metric, query, set, k);
        expect(found[row]?.nearest).toEqual(at);
        expect(found[row]?.nearest_score).toEqual(scores);
      }
    });
    await fc.assert(property, { numRuns: 25 });
  });

  it("neighbours are found in all blocks of a large set, also among many near ones", async () => {
    const next = numbers(7);
    const set = randomRows(5_000, 8, next);
    // A cluster whose members differ by less than float32 scores can tell.
    for (let row = 2_000; row < 3_000; row += 1)
      set[row] = (set[2_000] ?? []).map((value, at) =>
        Math.fround(value * (1 + (at === 0 ? row : 0) * 2e-7)),
      );
    const queries = [...randomRows(20, 8, next), present(set[2_500], "a row")];
    const ids = set.map((_, row) => `id-${row}`);
    const { op, file } = await folder.opOf(
      [
        setTable(fixedVectors(set.slice(0, 1_500)), ids.slice(0, 1_500)),
        setTable(fixedVectors(set.slice(1_500)), ids.slice(1_500)),
      ],
      { metric, k: 12 },
    );
    const { found } = await run(op, file, setTable(vectors(queries)));
    for (const [row, query] of queries.entries()) {
      const { at, scores } = judge(metric, query, set, 12);
      expect(found[row]?.nearest).toEqual(at.map((place) => `id-${place}`));
      expect(found[row]?.nearest_score).toEqual(scores);
    }
  });

  it("huge and tiny numbers, whose float32 scores overflow or vanish, have exact neighbours", async () => {
    const next = numbers(11);
    for (const scale of [1e-42, 1e-30, 1e25, 3e38]) {
      const set = randomRows(100, 4, () => Math.fround(next() * scale) || Math.fround(scale));
      const queries = set.slice(0, 5);
      const { op, file } = await folder.opOf([setTable(fixedVectors(set))], { metric, k: 3 });
      const { found } = await run(op, file, setTable(vectors(queries)));
      for (const [row, query] of queries.entries())
        expect(found[row]?.nearest, String(scale)).toEqual(judge(metric, query, set, 3).at);
    }
  });

  stepContract(`nearest by ${metric}`, async () => {
    const next = numbers(3);
    const set = randomRows(300, 5, next);
    const { op, file } = await folder.opOf(
      [
        setTable(
          fixedVectors(set),
          set.map((_, row) => `r${row}`),
        ),
      ],
      { metric, k: 4 },
    );
    const queries: Rows = randomRows(40, 5, next);
    const rows = setTable(vectors(queries));
    const plan = bindingOf(op, file, rows);
    return { plan, open: (options) => openStep(plan, options), rows: present(rows.batches[0], "a batch") };
  });
});

it("rows without a valid vector are dead letters, and the others are not concerned", async () => {
  const { op, file } = await folder.opOf(
    [
      setTable(
        fixedVectors([
          [1, 0],
          [0, 1],
          [1, 1],
        ]),
        [7n, 2n ** 62n, -3n],
      ),
    ],
    { metric: "cosine", k: 2 },
  );
  const rows: Rows = [[2, 0], null, [1], [1, null], [Number.NaN, 0], [0, 0], [1e300, 0], [0, 3]];
  const { found, failed } = await run(op, file, setTable(vectors(rows, 64)));
  const value = (row: number, why: string) => {
    return { row, code: "ROW_VALUE", message: `the vector in column \`vector\` ${why}` };
  };
  expect(failed).toEqual([
    { row: 1, code: "ROW_NULL", message: "the vector in column `vector` is null" },
    value(2, "has 1 numbers, not 2"),
    value(3, "has a null among its numbers"),
    value(4, "has NaN among its numbers"),
    value(5, "has only zeros, and so no cosine"),
    value(6, "has 1e+300 among its numbers"),
  ]);
  expect(found[0]?.nearest).toEqual(["7n", "-3n"]);
  expect(found[7]).toEqual({
    nearest: [`${2n ** 62n}n`, "-3n"],
    nearest_score: [1, Math.fround(Math.SQRT1_2)],
  });
});

it("a set names all of its bad rows and columns", async () => {
  const pack = async (rows: Rows, ids: Ids, metric: Metric = "cosine") =>
    (await folder.pack([setTable(vectors(rows), ids)], metric)).problems.map(({ where, what, found }) =>
      `${where} ${what} ${found ?? ""}`.replace(/ of \/.*/, ""),
    );
  expect(await pack([[1, 2], null, [3], [0, 0], [1, 1]], [1, 2, 3, 4, null])).toEqual([
    "step.among has a vector that is null row 1",
    "step.among has a vector that has 1 numbers, not 2 row 2",
    "step.among has a vector that has only zeros, and so no cosine row 3",
    "step.among has an id that is null row 4",
  ]);
  expect(await pack([[0, 0]], [1], "dot")).toEqual([]);
  expect(await pack([], [])).toEqual([expect.stringContaining("step.among has no rows")]);
  const places = async (tables: readonly Table[], options = {}) =>
    (await folder.pack(tables, "dot", options)).problems.map(({ where }) => where);
  const one = setTable(vectors([[1]]));
  expect(await places([one.select(["id"])])).toEqual(["step.vector"]);
  expect(await places([tableOf({ id: vectors([[1]]), vector: int32Column([1]) })])).toEqual([
    "step.vector",
    "step.id",
  ]);
  expect(await places([one, setTable(vectors([[1]]), ["x"])])).toEqual(["step.among"]);
  expect(await places([one, one], { mostBytes: 7 })).toEqual(["step.among"]);
  expect(await places([one, one], { mostBytes: 8 })).toEqual([]);
  expect(await places([])).toEqual(["step.among"]);
});
