import { type Data, Float32, type RecordBatch } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ZOD, type Zod } from "../../../../shared/core/zod.ts";
import {
  type ColumnSource,
  columnName,
  type InputSource,
  type SourceBinding,
  type SourceContext,
  type SourceProblem,
  type SourceSpec,
  type ValueSource,
} from "../../../../shared/input-sources/input-source.ts";
import {
  chosenSource,
  INPUT_SOURCES,
  type InputSourceBinding,
  type SourceKind,
  sourceColumns,
  sourceOf,
} from "../../../../shared/input-sources/input-sources.ts";
import { SOURCE_BINDING_SCHEMA, SOURCE_KEYS } from "../../../../shared/input-sources/source-schemas.ts";
import { fillPositions } from "../../../../worker/tensorize/fill-positions.ts";
import { badRows, fillRows, openInputs } from "../../../../worker/tensorize/tensorize.ts";
import { aBinding, batchOf, column, numbersOf } from "../../../support/shard-inputs.ts";
import { listColumn } from "../../../support/uneven-model.ts";

type Rows = readonly (readonly number[])[];

/** Test data of a source, and its value for one element, computed in the plainest way. */
interface Feeding {
  /** Returns the keys in the job file for an input `c`. */
  readonly spec: (width: number) => SourceSpec;
  readonly bound: (width: number) => InputSourceBinding;
  readonly columns: (rows: Rows) => Readonly<Record<string, Data>>;
  readonly elementOf: (value: number, at: number, count: number) => number;
  /** Kinds of lengths that its rows may have. */
  readonly lengths: readonly ("even" | "uneven" | "counted")[];
}

const LISTS: Feeding["columns"] = (rows) => ({ c: listColumn(rows) });
/** Test data of every source in the list. A new source has no test before it is listed here. */
const FEEDINGS = {
  one: {
    spec: () => ({}),
    bound: () => ({ kind: "one", column: "c" }),
    columns: LISTS,
    elementOf: (value) => value,
    lengths: ["even", "uneven"],
  },
  stack: {
    spec: () => ({ columns: "c?" }),
    bound: (width) => ({ kind: "stack", columns: Array.from({ length: width }, (_, at) => `c${at}`) }),
    columns: (rows) =>
      Object.fromEntries(
        (rows[0] ?? []).map((_, at) => [
          `c${at}`,
          column(
            rows.map((row) => row[at] ?? 0),
            new Float32(),
          ),
        ]),
      ),
    elementOf: (value) => value,
    lengths: ["even"],
  },
  mask: {
    spec: () => ({ mask: "x" }),
    bound: () => ({ kind: "mask", of: "x" }),
    columns: LISTS,
    elementOf: () => 1,
    lengths: ["uneven"],
  },
  positions: {
    spec: () => ({ positions: "x" }),
    bound: () => ({ kind: "positions", of: "x" }),
    ...{ columns: LISTS, elementOf: (_value, at) => at, lengths: ["uneven"] },
  },
  lengths: {
    spec: () => ({ lengths: "x" }),
    bound: () => ({ kind: "lengths", of: "x" }),
    ...{ columns: LISTS, elementOf: (_value, _at, count) => count, lengths: ["counted"] },
  },
  value: {
    spec: (width) => ({ value: Array.from({ length: width }, () => 3) }),
    bound: (width) => ({ kind: "value", shape: [width], elements: Array.from({ length: width }, () => 3) }),
    columns: LISTS,
    elementOf: () => 3,
    lengths: ["even"],
  },
} as const satisfies Record<SourceKind, Feeding>;

const value = fc.integer({ min: -50, max: 50 });
const scaling = fc.record({ scale: fc.constantFrom(1, 0, -2, 0.5), offset: fc.constantFrom(0, 3) });
const evenRows = fc
  .integer({ min: 1, max: 4 })
  .chain((width) =>
    fc.array(fc.array(value, { minLength: width, maxLength: width }), { minLength: 1, maxLength: 6 }),
  );
const unevenRows = fc.array(fc.array(value, { maxLength: 5 }), { minLength: 1, maxLength: 6 });

/** Fills rows as a worker does, into dirty memory, after a row of another batch. */
function filledEven(batch: RecordBatch, binding: ReturnType<typeof aBinding>, source?: InputSource) {
  const [input] = openInputs(batch, [binding], source === undefined ? sourceOf : () => source);
  if (input === undefined) throw new Error("no input");
  expect(badRows([input]).size).toBe(0);
  const target = new Float32Array((batch.numRows + 1) * binding.rowValues).fill(77);
  fillRows(numbersOf(input), 0, batch.numRows, target, 1);
  return [...target];
}

function filledUneven(
  rows: Rows,
  batch: RecordBatch,
  binding: ReturnType<typeof aBinding>,
  source?: InputSource,
) {
  const [input] = openInputs(batch, [binding], source === undefined ? sourceOf : () => source);
  if (input === undefined) throw new Error("no input");
  const length = Math.max(1, ...rows.map((row) => row.length));
  const target = new Float32Array(rows.length * length).fill(77);
  const counts = Uint32Array.from(rows, (row) => row.length);
  fillPositions(numbersOf(input), counts, 0, rows.length, { array: target, at: 0, length });
  return { length, values: [...target] };
}

describe.each(INPUT_SOURCES.map((source) => [source.kind, FEEDINGS[source.kind] as Feeding] as const))(
  "the input source %s",
  (kind, { spec, bound, columns, elementOf, lengths }) => {
    test("the source is chosen by its key and bound as in the job file", () => {
      const source = chosenSource(spec(3));
      expect([source.kind, Object.hasOwn(source.keys(ZOD), source.key)]).toEqual([kind, true]);
      expect(Object.keys(SOURCE_KEYS)).toEqual(expect.arrayContaining(Object.keys(source.keys(ZOD))));
      const { context, problems } = aContext(Object.keys(columns([[1, 2, 3]])));
      const ofColumns = source.rows === "cell" || source.rows === "cells";
      const made = ofColumns ? source.bind(spec(3), context)?.binding : source.bind(spec(3), context);
      expect([made, problems]).toEqual([bound(3), []]);
    });

    if (lengths.includes("even"))
      test("rows of one length are filled with the scaled values in order", () => {
        fc.assert(
          fc.property(evenRows, scaling, (rows, { scale, offset }) => {
            const width = rows[0]?.length ?? 0;
            const source = bound(width);
            const binding = aBinding({ source, rowDims: [width], rowValues: width, scale, offset });
            const expected = rows.flat().map((one) => elementOf(one, 0, 0) * scale + offset + 0);
            const untouched = Array.from({ length: width }, () => 77);
            const found = filledEven(batchOf(columns(rows)), binding).map((one) => one + 0);
            expect(found).toEqual([...untouched, ...expected]);
          }),
        );
      });

    if (lengths.includes("uneven"))
      test("rows that differ in length are padded after their values", () => {
        fc.assert(
          fc.property(unevenRows, scaling, value, (rows, { scale, offset }, pad) => {
            const binding = aBinding({
              source: bound(1),
              scale,
              offset,
              rowShape: { kind: "padded", pad, sequence: 0 },
            });
            const { length, values } = filledUneven(rows, batchOf(columns(rows)), binding);
            const expected = rows.flatMap((row) =>
              Array.from({ length }, (_, at) =>
                at < row.length ? elementOf(row[at] ?? 0, at, row.length) * scale + offset + 0 : pad + 0,
              ),
            );
            expect(values.map((one) => one + 0)).toEqual(expected);
          }),
        );
      });

    if (lengths.includes("counted"))
      test("each row has one number that follows from its length", () => {
        fc.assert(
          fc.property(unevenRows, scaling, (rows, { scale, offset }) => {
            const rowShape = { kind: "counted", sequence: 0 } as const;
            const binding = aBinding({ source: bound(1), scale, offset, rowShape });
            const { values } = filledUneven(rows, batchOf(columns(rows)), binding);
            const expected = rows.map(({ length }) => elementOf(0, 0, length) * scale + offset + 0);
            expect(values.slice(0, rows.length).map((one) => one + 0)).toEqual(expected);
          }),
        );
      });

    test("the source reads only the columns that it names, and has a description", () => {
      const source = bound(3);
      const read = sourceColumns(source);
      expect([...read].sort()).toEqual(
        source.kind === "one" || source.kind === "stack" ? Object.keys(columns([[1, 2, 3]])).sort() : [],
      );
      expect(sourceOf(source).describe(source)).not.toBe("");
      expect(["value", "same"].includes(sourceOf(source).rows)).toBe(read.length === 0);
    });

    test("the binding is unchanged on the wire, and keys of other sources are dropped", () => {
      const source = bound(2);
      const sent: unknown = JSON.parse(JSON.stringify({ ...source, other: 1 }));
      expect(SOURCE_BINDING_SCHEMA.parse(sent)).toEqual(source);
    });
  },
);

describe("an added source", () => {
  interface LastBinding extends SourceBinding {
    readonly kind: "last";
    readonly column: string;
  }
  /** The last column, under a key of its own. */
  const last = {
    kind: "last",
    rows: "cell",
    key: "last",
    keys: (z: Zod) => ({ last: z.literal(true).exactOptional(), column: columnName(z).exactOptional() }),
    schema: (z: Zod) => z.object({ kind: z.literal("last"), column: z.string() }),
    bind: (_spec, { names, find }) => {
      const column = names.at(-1) ?? "";
      const cell = find(column, [])?.cell ?? null;
      return cell === null ? null : { binding: { kind: "last", column }, cell, found: column };
    },
    columns: ({ column }) => [column],
    describe: ({ column }) => `the last column, ${column}`,
    marksPadding: () => false,
  } as const satisfies ColumnSource<LastBinding>;

  interface SegmentBinding extends SourceBinding {
    readonly kind: "segment";
    readonly of: string;
    readonly segment: number;
  }
  /** The number of a segment at each position. */
  const segment = {
    kind: "segment",
    rows: "value",
    per: ["position"],
    key: "segment",
    keys: (z: Zod) => ({ segment: z.int().exactOptional(), of: columnName(z).exactOptional() }),
    schema: (z: Zod) => z.object({ kind: z.literal("segment"), of: z.string(), segment: z.int() }),
    bind: (spec) => ({ kind: "segment", of: String(spec.of), segment: Number(spec.segment) }),
    positionsOf: ({ of }) => of,
    value: ({ segment: value }) => value,
    describe: ({ segment: value }) => `segment ${value}`,
    marksPadding: () => false,
  } as const satisfies ValueSource<SegmentBinding>;

  test("an added source has the type of the list of sources", () => {
    const list = [...INPUT_SOURCES, last, segment] as const satisfies readonly InputSource[];
    expect(list.slice(-2).map(({ kind }) => kind)).toEqual(["last", "segment"]);
  });

  test("an added source of columns fills rows with their cells", () => {
    const { context } = aContext(["a", "c"]);
    const bound = last.bind({}, context);
    const given: InputSource = { ...last, columns: () => [bound?.binding.column ?? ""] };
    const binding = aBinding({ rowDims: [2], rowValues: 2, scale: 10 });
    const batch = batchOf({
      c: listColumn([
        [1, 2],
        [3, 4],
      ]),
    });
    expect(filledEven(batch, binding, given)).toEqual([77, 77, 10, 20, 30, 40]);
  });

  test("an added source of one value fills the positions of rows with that value", () => {
    const mask = segment.bind({ of: "x", segment: 2 });
    const given: InputSource = { ...segment, value: () => segment.value(mask) };
    const binding = aBinding({ scale: 10, rowShape: { kind: "padded", pad: 5, sequence: 0 } });
    const rows = [[1, 1], [2]];
    const { values } = filledUneven(rows, batchOf(LISTS(rows)), binding, given);
    expect(values).toEqual([20, 20, 20, 5]);
  });
});

/** Returns columns of lists with any length, and the problems that a source reports. */
function aContext(names: readonly string[]): { context: SourceContext; problems: SourceProblem[] } {
  const problems: SourceProblem[] = [];
  return {
    context: {
      input: "c",
      fromText: [],
      isText: false,
      names,
      find: (name) => ({
        name,
        kind: "numeric",
        type: "float32",
        cell: { kind: "perRow", factor: 1 },
        textCause: null,
        untyped: "CSV",
      }),
      report: (problem) => problems.push(problem),
    },
    problems,
  };
}
