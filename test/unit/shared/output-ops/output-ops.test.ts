import { type Data, Vector } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { bindOutput } from "../../../../coordinator/plan/bind/bind-output.ts";
import { Sequences } from "../../../../coordinator/plan/bind/sequences.ts";
import { ZOD } from "../../../../shared/core/zod.ts";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { columnsOf, fieldOf, opRowOf, outputColumnNames } from "../../../../shared/domain/output-fields.ts";
import { product } from "../../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../../shared/job-file/issue-problems.ts";
import { bindOp, OP_BINDING_SCHEMA } from "../../../../shared/output-ops/op-schemas.ts";
import {
  type OpBinding,
  type OpSpec,
  type OutputOp,
  PLAIN_OP,
} from "../../../../shared/output-ops/output-op.ts";
import { type OpKind, OUTPUT_OPS } from "../../../../shared/output-ops/output-ops.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { PLAIN_OPS } from "../../../support/plain-ops.ts";
import { anOutput } from "../../../support/shard-job.ts";
import { unevenChunk } from "../../../support/uneven-model.ts";

/** Data for an op, with all keys that a job file may give it. */
interface Case {
  readonly classes: number;
  /** Values at each position. Ops without positions use only the first. */
  readonly rows: readonly (readonly (readonly number[])[])[];
  readonly keys: Readonly<Record<string, unknown>>;
}

const score = fc.oneof(
  { arbitrary: fc.integer({ min: -3, max: 3 }), weight: 4 },
  { arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), weight: 4 },
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 3e38),
);

const list = <T>(of: fc.Arbitrary<T>, minLength: number, maxLength: number) =>
  fc.array(of, { minLength, maxLength });

/** Vectors with up to several bytes of bits. */
const cases: fc.Arbitrary<Case> = fc.integer({ min: 2, max: 18 }).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    rows: list(list(list(score, classes, classes), 1, 3), 1, 5),
    keys: fc.record(
      {
        k: fc.integer({ min: 1, max: classes }),
        pool: fc.constantFrom("mean", "cls", "max", "last"),
        labels: fc.constant(labelsOf(classes)),
        dims: fc.integer({ min: 1, max: classes }),
        normalize: fc.constant(true),
        as: fc.constantFrom("float32", "float16", "int8", "ubinary"),
        activation: fc.constantFrom("sigmoid", "none"),
        // Includes scores at the thresholds: 0 and 1, and the sigmoid of 0.
        threshold: fc.constantFrom(0, 0.1, 0.5, 0.9, 1),
        blank: fc.nat(classes - 1),
        softmax: fc.boolean(),
      },
      { requiredKeys: ["k", "pool", "normalize", "threshold"] },
    ),
  }),
);

function labelsOf(classes: number): string[] {
  return Array.from({ length: classes }, (_, index) => `class ${index}`);
}

/** Ops that are tested on rows of uneven length. */
const OF_POSITIONS: readonly OpKind[] = ["pool", "ctc"];

/** Returns the keys of a case that this op uses. */
function specOf({ keys, required }: OutputOp, some: Pick<Case, "keys" | "classes">) {
  const used = keys(ZOD);
  const named = Object.hasOwn(required, "labels") ? { labels: labelsOf(some.classes) } : {};
  const all = Object.entries({ ...named, ...some.keys });
  return Object.fromEntries(all.filter(([key]) => Object.hasOwn(used, key)));
}

/** Returns an output, with positions for an op that uses them. */
function outputOf(kind: OpKind, { classes }: Case): Omit<OutputBinding, "op"> {
  const sequence = OF_POSITIONS.includes(kind) ? 0 : null;
  return anOutput({ rowDims: [classes], rowValues: classes, sequence });
}

function bindingOf(kind: OpKind, spec: OpSpec, some: Case): OutputBinding {
  const output = outputOf(kind, some);
  return { ...output, op: bindOp({ ...spec, op: kind }, opRowOf(output)) };
}

/** Returns the cells of the op's columns for the rows, each as a list of plain values. */
function written(binding: OutputBinding, { rows, classes }: Case, op?: OutputOp): unknown[][][] {
  const writer = createOutputWriter(binding, rows.length + 1, op);
  const longest = Math.max(...rows.map(({ length }) => length));
  const padding = Array.from({ length: longest }, () => Array(classes).fill(PADDING));
  const tensors = rows.map((row) =>
    binding.sequence !== null ? [...row, ...padding].slice(0, longest) : row[0],
  );
  const data = Float32Array.from((tensors as number[][][]).flat(2));
  const dims = [rows.length, ...(binding.sequence !== null ? [longest] : []), classes];
  const tensor = { dtype: "float32", dims, data: data.buffer } as const;
  const counts = rows.map(({ length }) => length);
  // After a row of another batch, so that places matter.
  writer.open(unevenChunk(0, counts.slice(0, 1)), 0);
  writer.open(unevenChunk(1, counts), 1);
  writer.write(tensor, [{ tensorRow: 0, rows: 1, place: 0 }]);
  writer.write(tensor, [{ tensorRow: 0, rows: rows.length, place: 1 }]);
  return writer.columns.map((column) => {
    column.take([{ start: 0, end: 1 }]);
    return cellsOf(column.take([{ start: 1, end: rows.length + 1 }]));
  });
}

/** Greater than all others, so that it is visible in any result. */
const PADDING = 1e37;

function cellsOf(data: Data): unknown[][] {
  return Array.from(new Vector([data]), (cell: unknown) => (cell instanceof Vector ? [...cell] : [cell]));
}

/** @param precision of the column's type, relative to the larger value */
function close(found: unknown, expected: unknown, precision: number): boolean {
  if (typeof found !== "number" || typeof expected !== "number") return found === expected;
  if (Object.is(found, expected) || found === expected) return true;
  return Math.abs(found - expected) <= precision * Math.max(1, Math.abs(expected));
}

/** Keys that do not fit three classes, or vectors at five positions, with the required ones. */
const MISFITS: Partial<Record<OpKind, OpSpec>> = {
  raw: { dims: 4, as: "int8" },
  pool: { positions: undefined, dims: 4, as: "int8", pool: "mean" },
  argmax: { labels: ["one", "two"] },
  topK: { k: 4, labels: ["one", "two"] },
  threshold: { threshold: 1.5, labels: ["one", "two"] },
  columns: { labels: ["one", "two"] },
  ctc: { blank: 3, labels: ["one", "two", "three", "four"] },
};

/** Ops on a vector, or on a vector at each position. */
const VECTOR_OPS = OUTPUT_OPS.filter((op) => op.kind !== "boxes");

describe.each(VECTOR_OPS.map((op) => [op.kind, op as OutputOp, PLAIN_OPS[op.kind]] as const))(
  "the op %s",
  (kind, op, plain) => {
    test("the op makes the same values as a plain computation, also from NaN, infinities and ties", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const binding = bindingOf(kind, specOf(op, some), some);
          const columns = columnsOf(binding);
          const found = written(binding, some);
          expect(found).toHaveLength(columns.length);
          for (const [row, values] of some.rows.entries()) {
            const positions = values.map((position) => position.map(Math.fround));
            const expected = plain(positions[0] ?? [], binding.op, positions);
            for (const [index, { labels, type, isJoined = false }] of columns.entries()) {
              const named = (expected[index] ?? []).map((value) => labels?.[value] ?? value);
              const cells = isJoined ? [named.join("")] : named;
              const cell = found[index]?.[row] ?? [];
              expect(cell).toHaveLength(cells.length);
              const isClose = cell.every((value, at) =>
                close(value, cells[at], type === "float16" ? 1e-3 : 1e-6),
              );
              expect(isClose, `${String(values)}: ${String(cell)} is not ${String(cells)}`).toBe(true);
            }
          }
        }),
        { numRuns: 200 },
      );
    });

    test("the op has the same column names before and after planning, and writes its declared fields", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const spec = specOf(op, some);
          const binding = bindingOf(kind, spec, some);
          const fields = columnsOf(binding).map((column) => fieldOf(binding, column));
          // The number of classes without labels is known only with the model.
          const isKnown = kind !== "columns" || spec.labels !== undefined;
          const names = isKnown ? fields.map(({ name }) => name) : [];
          expect(outputColumnNames(binding.column, op, spec)).toEqual(names);
          const writer = createOutputWriter(binding, some.rows.length);
          expect(writer.columns.map(({ field }) => String(field))).toEqual(
            fields.map((field) => String(arrowField(field))),
          );
        }),
      );
    });

    test("the binding is unchanged on the wire, and keys of other ops are dropped", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const { op: bound } = bindingOf(kind, specOf(op, some), some);
          const sent: unknown = JSON.parse(JSON.stringify({ ...bound, of: "another op" }));
          expect(OP_BINDING_SCHEMA.parse(sent)).toEqual(bound);
        }),
      );
    });

    test("all keys that do not fit the tensor are reported at once", () => {
      const dims = OF_POSITIONS.includes(kind) ? [5, 3] : [3];
      const row = { dtype: "float32", dims, values: product(dims), perPosition: false };
      const { [kind]: keys = {} } = MISFITS;
      expect(op.problems(keys, row).map(({ key }) => key)).toEqual(
        Object.keys(keys).filter((key) => !["pool", "normalize"].includes(key)),
      );
    });

    test("the op has a summary, and is bound to positions only if it supports them", () => {
      expect(op.summary).not.toBe("");
      const problems: SpecProblem[] = [];
      const sequences = new Sequences();
      sequences.number("positions");
      const context = {
        signature: {
          inputs: [],
          outputs: [{ name: "t", dtype: "float32", dims: ["n", "positions", 4] }],
          unusable: [],
        },
        sizes: new Map(),
        sequences,
        folder: null,
        classes: {},
        descriptions: new Map(),
        metadata: {},
        fixedBatchRows: null,
        batchNames: new Set(["n"]),
        isNamed: true,
      } as const;
      const spec = {
        tensor: "t",
        op: kind,
        ...specOf(op, { classes: 4, keys: { k: 1, pool: "mean", threshold: 0.5 } }),
      };
      const bound = bindOutput("y", spec, context, problems);
      expect(bound !== null).toBe(op.takesPositions);
      expect(problems.map(({ path }) => path.at(-1))).toEqual(op.takesPositions ? [] : ["op"]);
    });
  },
);

describe("an added op", () => {
  interface NormBinding extends OpBinding {
    readonly kind: "l2norm";
  }
  /** A new op needs only a file like this one, and a place in the list. */
  const l2norm = {
    ...PLAIN_OP,
    kind: "l2norm",
    summary: "divided by the root of the sum of their squares",
    needs: "numbers",
    isRanked: false,
    schema: () => z.object({ kind: z.literal("l2norm") }),
    bind: () => ({ kind: "l2norm" }),
    describe: () => "l2norm",
    columns: (_binding, { values }: { readonly values: number }) => [
      { suffix: "", type: "float32", length: values },
    ],
    write:
      (_binding, [target]) =>
      ({ values, width }, row, at) => {
        let squares = 0;
        for (let index = 0; index < width; index += 1) squares += (values[row * width + index] ?? 0) ** 2;
        for (let index = 0; index < width; index += 1) {
          if (target !== undefined)
            target[at * width + index] = (values[row * width + index] ?? 0) / Math.sqrt(squares);
        }
      },
  } as const satisfies OutputOp<NormBinding>;

  test("an added op has the type of the list of ops, and writes its column", () => {
    const list = [...OUTPUT_OPS, l2norm] as const satisfies readonly OutputOp[];
    expect(list.at(-1)?.kind).toBe("l2norm");
    const some: Case = {
      classes: 2,
      rows: [[[3, 4]], [[0, -2]]],
      keys: {},
    };
    // The binding's own op is in the list. The given op overrides it.
    const binding = bindingOf("raw", {}, some);
    expect(written(binding, some, l2norm)).toEqual([
      [
        [Math.fround(0.6), Math.fround(0.8)],
        [0, -1],
      ],
    ]);
    expect(columnsOf(binding, l2norm).map((column) => fieldOf(binding, column))).toEqual([
      {
        name: "y",
        type: { kind: "fixedList", item: { kind: "numeric", type: "float32" }, length: 2 },
        nullable: false,
      },
    ]);
  });
});
