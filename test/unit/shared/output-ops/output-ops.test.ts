import { type Data, Vector } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { bindOutput } from "../../../../coordinator/plan/bind/bind-output.ts";
import { ZOD } from "../../../../shared/core/zod.ts";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { columnsOf, fieldOf, outputColumnNames } from "../../../../shared/domain/output-fields.ts";
import type { SpecProblem } from "../../../../shared/job-file/issue-problems.ts";
import { bindOp, OP_BINDING_SCHEMA } from "../../../../shared/output-ops/op-schemas.ts";
import { type OpBinding, type OutputOp, PLAIN_OP } from "../../../../shared/output-ops/output-op.ts";
import { OUTPUT_OPS, type OutputOpBinding } from "../../../../shared/output-ops/output-ops.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { PLAIN_OPS } from "../../../support/plain-ops.ts";
import { anOutput } from "../../../support/shard-job.ts";

/** What an op is run with: as a job file has it, all that it can be given. */
interface Case {
  readonly classes: number;
  readonly rows: readonly (readonly number[])[];
  readonly k: number;
  readonly withLabels: boolean;
}

const score = fc.oneof(
  { arbitrary: fc.integer({ min: -3, max: 3 }), weight: 4 },
  { arbitrary: fc.float({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }), weight: 4 },
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 3e38),
);

const cases: fc.Arbitrary<Case> = fc.integer({ min: 2, max: 6 }).chain((classes) =>
  fc.record({
    classes: fc.constant(classes),
    rows: fc.array(fc.array(score, { minLength: classes, maxLength: classes }), {
      minLength: 1,
      maxLength: 5,
    }),
    k: fc.integer({ min: 1, max: classes }),
    withLabels: fc.boolean(),
  }),
);

/** The keys of the job file that this op uses, from those that a case has. */
function specOf({ keys }: Pick<OutputOp, "keys">, { k, withLabels, classes }: Case) {
  const labels = Array.from({ length: classes }, (_, index) => `class ${index}`);
  return {
    ...(Object.hasOwn(keys(ZOD), "k") ? { k } : {}),
    ...(Object.hasOwn(keys(ZOD), "labels") && withLabels ? { labels } : {}),
  };
}

function bindingOf(op: OutputOpBinding, { classes }: Case): OutputBinding {
  return anOutput({ op, rowDims: [classes], rowValues: classes });
}

/** What the op's columns hold for the rows, each cell as a list of plain values. */
function written(binding: OutputBinding, { rows }: Case, op?: OutputOp): unknown[][][] {
  const writer = createOutputWriter(binding, rows.length + 2, op);
  const data = Float32Array.from(rows.flat());
  const tensor = { dtype: "float32", dims: [rows.length, ...binding.rowDims], data: data.buffer } as const;
  // Behind a row of another batch, so that places count.
  writer.write(tensor, [{ tensorRow: 0, rows: 1, place: 0 }]);
  writer.write(tensor, [{ tensorRow: 0, rows: rows.length, place: 1 }]);
  return writer.columns.map((column) => {
    column.take([{ start: 0, end: 1 }]);
    return cellsOf(column.take([{ start: 1, end: rows.length + 1 }]));
  });
}

function cellsOf(data: Data): unknown[][] {
  return Array.from(new Vector([data]), (cell: unknown) => (cell instanceof Vector ? [...cell] : [cell]));
}

function close(found: unknown, expected: unknown): boolean {
  if (typeof found !== "number" || typeof expected !== "number") return found === expected;
  if (Object.is(found, expected) || found === expected) return true;
  return Math.abs(found - expected) <= 1e-6 * Math.max(1, Math.abs(expected));
}

describe.each(OUTPUT_OPS.map((op) => [op.kind, op as OutputOp, PLAIN_OPS[op.kind]] as const))(
  "%s",
  (kind, op, plain) => {
    test("makes of any row what the plainest computation does: with NaN, infinities, equals", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const bound = bindOp({ op: kind, ...specOf(op, some) });
          const binding = bindingOf(bound, some);
          const columns = columnsOf(binding);
          const found = written(binding, some);
          expect(found).toHaveLength(columns.length);
          for (const [row, values] of some.rows.entries()) {
            const expected = plain(values.map(Math.fround), bound);
            for (const [index, { labels }] of columns.entries()) {
              const cells = (expected[index] ?? []).map((value) => labels?.[value] ?? value);
              const cell = found[index]?.[row] ?? [];
              expect(cell).toHaveLength(cells.length);
              const isClose = cell.every((value, at) => close(value, cells[at]));
              expect(isClose, `${String(values)}: ${String(cell)} is not ${String(cells)}`).toBe(true);
            }
          }
        }),
        { numRuns: 200 },
      );
    });

    test("names its columns before it is planned as it does after, and writes the fields that it says", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const spec = specOf(op, some);
          const binding = bindingOf(bindOp({ op: kind, ...spec }), some);
          const fields = columnsOf(binding).map((column) => fieldOf(binding, column));
          expect(outputColumnNames(binding.column, op, spec)).toEqual(fields.map(({ name }) => name));
          const writer = createOutputWriter(binding, some.rows.length);
          expect(writer.columns.map(({ field }) => String(field))).toEqual(
            fields.map((field) => String(arrowField(field))),
          );
        }),
      );
    });

    test("crosses the wire as it is, and what belongs to another op is left behind", () => {
      fc.assert(
        fc.property(cases, (some) => {
          const bound = bindOp({ op: kind, ...specOf(op, some) });
          const sent: unknown = JSON.parse(JSON.stringify({ ...bound, of: "another op" }));
          expect(OP_BINDING_SCHEMA.parse(sent)).toEqual(bound);
        }),
      );
    });

    test("is refused where its numbers do not fit the tensor", () => {
      const some: Case = { classes: 3, rows: [], k: 4, withLabels: true };
      const labels = { labels: ["one", "two"] };
      const keys = Object.keys(op.keys(ZOD));
      const found = op.problems({ ...specOf(op, some), ...(keys.includes("labels") ? labels : {}) }, 3);
      expect(found.map(({ key }) => key).sort()).toEqual(keys.sort());
    });

    test("says what it is, and is bound to positions only if it takes them", () => {
      expect(op.summary).not.toBe("");
      const problems: SpecProblem[] = [];
      const context = {
        signature: {
          inputs: [],
          outputs: [{ name: "t", dtype: "float32", dims: ["n", "positions", 4] }],
          unusable: [],
        },
        sizes: new Map(),
        uneven: new Set(["positions"]),
        folder: null,
        fixedBatchRows: null,
        batchNames: new Set(["n"]),
      } as const;
      const spec = {
        tensor: "t",
        op: kind,
        ...specOf(op, { classes: 4, rows: [], k: 1, withLabels: false }),
      };
      const bound = bindOutput("y", spec, context, problems);
      expect(bound !== null).toBe(op.takesPositions);
      expect(problems.map(({ path }) => path.at(-1))).toEqual(op.takesPositions ? [] : ["op"]);
    });
  },
);

describe("an op that somebody adds", () => {
  interface NormBinding extends OpBinding {
    readonly kind: "l2norm";
  }
  /** A file of its own, and a place in the list: this is all that there is to it. */
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

  test("fits the list, has a column and writes it", () => {
    const list = [...OUTPUT_OPS, l2norm] as const satisfies readonly OutputOp[];
    expect(list.at(-1)?.kind).toBe("l2norm");
    const some: Case = {
      classes: 2,
      rows: [
        [3, 4],
        [0, -2],
      ],
      k: 1,
      withLabels: false,
    };
    // The binding's own op is of the list; the one that is given here decides.
    const binding = bindingOf({ kind: "raw" }, some);
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
