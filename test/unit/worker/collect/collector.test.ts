import { Int32, Schema, type Table, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { LeaseSlice } from "../../../../shared/domain/job.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import { NO_NOTED_ROWS } from "../../../../shared/steps/noted-rows.ts";
import { batchOf as rowsBatch } from "../../../../worker/batch/batch.ts";
import type { BatchOutcome } from "../../../../worker/batch/batch-runner.ts";
import { Collector } from "../../../../worker/collect/collector.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { anInputFile } from "../../../support/builders.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

const keep = (name: string) => ({ name, type: { kind: "string" }, nullable: true }) as const;

const map: MapBinding = {
  inputs: [aBinding()],
  outputs: [anOutput({ column: "y", tensor: "y", rowDims: [], rowValues: 1, declaredDims: ["n"] })],
  keep: [keep("name")],
  columns: ["c", "name"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Returns rows of the shard from `shardRow` on. Null: a row without a valid input. */
function aChunk(values: readonly (number | null)[], shardRow: number): InputChunk {
  const names = values.map((_, index) => `row ${shardRow + index}`);
  const columns = { c: column(values, new Int32()), name: column(names, new Utf8()) };
  return new InputChunk(batchOf(columns), shardRow, map.inputs);
}

/** Returns a slice of `/data/a.parquet`. */
const slice = (rowStart: number, rowEnd: number, path = "/data/a.parquet"): LeaseSlice => ({
  file: anInputFile({ path }),
  rowStart,
  rowEnd,
});

function aCollector(slices: readonly LeaseSlice[], changes: Partial<MapBinding> = {}, mostBytes = 1e9) {
  const { schema } = batchOf({ c: column([1], new Int32()), name: column(["a"], new Utf8()) });
  return new Collector({
    map: { ...map, ...changes },
    schema: new Schema(schema.fields),
    slices,
    shardRows: slices.reduce((rows, { rowStart, rowEnd }) => rows + rowEnd - rowStart, 0),
    mostBytes,
  });
}

/** Returns the outcome of a model that gives each row of the batch the next of `values`. */
function mapped(pieces: Parameters<typeof rowsBatch>[0], values: readonly number[]): BatchOutcome {
  const data = Float32Array.from(values).buffer;
  return {
    kind: "mapped",
    batch: rowsBatch(pieces),
    outputs: { y: { dtype: "float32", dims: [values.length], data } },
  };
}

const rowsOf = (table: Table | null) => table?.toArray().map((row) => JSON.parse(JSON.stringify(row, safe)));
const safe = (_key: string, value: unknown) => (typeof value === "bigint" ? Number(value) : value);

test("rows come out in order with their kept columns, also when a batch spans two chunks", () => {
  const collector = aCollector([slice(10, 14), slice(0, 2, "/data/b.parquet")]);
  const [one, two] = [aChunk([1, null, 3], 0), aChunk([4, 5, 6], 3)];
  collector.open(one);
  collector.open(two);
  expect(collector.rowsDone).toBe(1);
  collector.collect([mapped([{ chunk: one, start: 0, end: 1 }], [10])]);
  collector.collect([
    mapped(
      [
        { chunk: one, start: 2, end: 3 },
        { chunk: two, start: 0, end: 1 },
      ],
      [30, 40],
    ),
  ]);
  expect(collector.rowsDone).toBe(4);
  collector.collect([
    { kind: "failed", batch: rowsBatch([{ chunk: two, start: 1, end: 2 }]), message: "no" },
    mapped([{ chunk: two, start: 2, end: 3 }], [60]),
  ]);
  const {
    rows,
    deadLetters,
    firstDeadLetter,
    sources: _sources,
    letters: _letters,
    noted,
    ...counts
  } = collector.finish();
  expect([counts.rowsTruncated, noted.rowsTruncated.size]).toEqual([0, 0]);
  expect(counts).toMatchObject({
    rowsIn: 6,
    rowsMapped: 4,
    rowsFiltered: 0,
    rowsOut: 4,
    rowsDeadLettered: 2,
  });
  expect(rowsOf(rows)).toEqual([
    { name: "row 0", y: 10 },
    { name: "row 2", y: 30 },
    { name: "row 3", y: 40 },
    { name: "row 5", y: 60 },
  ]);
  const message = "column `c` is null, and there is no fill for it";
  expect(rowsOf(deadLetters)).toEqual([
    { file: "/data/a.parquet", row: 11, stage: "tensorize", code: "ROW_NULL", message, name: "row 1" },
    { file: "/data/b.parquet", row: 0, stage: "infer", code: "ROW_FAILED", message: "no", name: "row 4" },
  ]);
  expect(firstDeadLetter).toMatchObject({ row: 11, code: "ROW_NULL" });
});

test("a chunk of failed rows only is collected in its turn", () => {
  const collector = aCollector([slice(0, 4)]);
  const [one, two] = [aChunk([1, 2], 0), aChunk([null, null], 2)];
  collector.open(one);
  collector.open(two);
  collector.collect([mapped([{ chunk: one, start: 0, end: 2 }], [1, 2])]);
  const { rowsOut, rowsDeadLettered, firstDeadLetter } = collector.finish();
  expect([rowsOut, rowsDeadLettered, firstDeadLetter?.row]).toEqual([2, 2, 2]);
});

test("a shard without rows gives an empty table with the right columns, and no dead letters", () => {
  const { rows, deadLetters } = aCollector([slice(0, 0)]).finish();
  expect(rows.numRows).toBe(0);
  expect(rows.schema.fields.map(String)).toEqual(["name: Utf8", "y: Float32"]);
  expect(deadLetters).toBeNull();
});

describe("invariants of the collector", () => {
  test("a row without an outcome is refused", () => {
    const collector = aCollector([slice(0, 2)]);
    collector.open(aChunk([1, 2], 0));
    expect(() => collector.finish()).toThrow("every row of the shard has an outcome");
  });

  test("more rows than the shard has are refused", () => {
    expect(() => aCollector([slice(0, 1)]).open(aChunk([1, 2], 0))).toThrow("no more than its rows");
  });

  test("a tensor of another shape fails with MODEL_SHAPE", () => {
    const collector = aCollector([slice(0, 2)]);
    const chunk = aChunk([1, 2], 0);
    collector.open(chunk);
    expect(() => collector.collect([mapped([{ chunk, start: 0, end: 2 }], [1, 2, 3])])).toThrowError(
      expect.objectContaining({
        code: "MODEL_SHAPE",
        fields: { tensor: "y", declared: "float32[n]", expected: "float32[2]", found: "float32[3]" },
      }),
    );
  });
});

test("a kept column with the name of a dead letter's own column is renamed", () => {
  const names = { row: column(["x", "y"], new Utf8()), kept_row: column(["u", "v"], new Utf8()) };
  const batch = batchOf({ c: column([1, null], new Int32()), ...names });
  const collector = new Collector({
    map: { ...map, keep: [keep("row"), keep("kept_row")] },
    schema: new Schema(batch.schema.fields),
    slices: [slice(7, 9)],
    shardRows: 2,
  });
  const chunk = new InputChunk(batch, 0, map.inputs);
  collector.open(chunk);
  collector.collect([mapped([{ chunk, start: 0, end: 1 }], [1])]);
  expect(rowsOf(collector.finish().deadLetters)).toMatchObject([
    { row: 8, kept_kept_row: "y", kept_row: "v" },
  ]);
});

describe("a chunk that is too large for one record batch", () => {
  const labels = ["short", "a label that is much longer"];
  const changes: Partial<MapBinding> = {
    outputs: [
      anOutput({ column: "y", tensor: "y", rowDims: [], rowValues: 1 }),
      anOutput({ column: "best", tensor: "s", op: { kind: "argmax", labels: labels } }),
    ],
  };
  const values = Array.from({ length: 40 }, (_, row) => (row % 7 === 3 ? null : row));

  function collected(mostBytes: number) {
    const collector = aCollector([slice(0, 80)], changes, mostBytes);
    for (const fileRow of [0, 40]) {
      const chunk = aChunk(values, fileRow);
      collector.open(chunk);
      for (const { start, end } of chunk.runs("live")) {
        const y = Float32Array.from({ length: end - start }, (_, at) => fileRow + start + at);
        const s = Float32Array.from({ length: 2 * (end - start) }, (_, at) => (at % 3) + fileRow);
        const outputs = {
          y: { dtype: "float32", dims: [end - start], data: y.buffer },
          scores: { dtype: "float32", dims: [end - start, 2], data: s.buffer },
          s: { dtype: "float32", dims: [end - start, 2], data: s.buffer },
        } as const;
        collector.collect([{ kind: "mapped", batch: rowsBatch([{ chunk, start, end }]), outputs }]);
      }
    }
    return collector.finish();
  }

  test.each([1, 100, 300])(
    "is split into several batches with the same rows: at most %i bytes",
    (mostBytes) => {
      const [whole, cut] = [collected(1e9), collected(mostBytes)];
      expect(whole.rows.batches).toHaveLength(2);
      expect(cut.rows.batches.length).toBeGreaterThan(6);
      expect(rowsOf(cut.rows)).toEqual(rowsOf(whole.rows));
      expect(cut.deadLetters?.batches.length).toBeGreaterThan(4);
      expect(rowsOf(cut.deadLetters)).toEqual(rowsOf(whole.deadLetters));
      expect(cut.firstDeadLetter).toEqual(whole.firstDeadLetter);
    },
  );
});

describe("rows that steps dropped or split", () => {
  /** Six rows of the shard: the second is dropped, the third has three parts, and the fifth two. */
  const origin = {
    sourceStart: 0,
    sourceEnd: 6,
    sources: Uint32Array.of(0, 2, 2, 2, 3, 4, 4, 5),
    failed: [],
    noted: { ...NO_NOTED_ROWS, rowsTruncated: [1, 2, 4, 5], rowsFilled: [1, 3, 4] },
  };
  const preparedChunk = (values: readonly (number | null)[]) => {
    const names = values.map((_, row) => `part ${row}`);
    const columns = { c: column(values, new Int32()), name: column(names, new Utf8()) };
    return new InputChunk(batchOf(columns), 0, map.inputs, origin);
  };
  const answered = (values: readonly (number | null)[]) => {
    const collector = aCollector([slice(0, 6)]);
    const chunk = preparedChunk(values);
    collector.open(chunk);
    let next = 0;
    for (const { start, end } of chunk.liveRuns) {
      const answers = Array.from({ length: end - start }, () => next++);
      collector.collect([mapped([{ chunk, start, end }], answers)]);
    }
    return collector.finish();
  };

  test("are counted by their source rows, and come out in order", () => {
    const {
      rows,
      sources,
      deadLetters,
      firstDeadLetter,
      letters: _letters,
      ...counts
    } = answered([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(counts).toMatchObject({
      ...{ rowsIn: 6, rowsMapped: 5, rowsFiltered: 1, rowsDeadLettered: 0, rowsOut: 8 },
      ...{ rowsTruncated: 3, rowsFilled: 2 },
      noted: { rowsTruncated: new Set([2, 4, 5]), rowsFilled: new Set([3, 4]) },
    });
    expect(rowsOf(rows)?.map(({ y }) => y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect([sources, deadLetters, firstDeadLetter]).toEqual([null, null, null]);
  });

  test("are one dead letter when a part is invalid, and their other parts are removed", () => {
    const {
      rows,
      deadLetters,
      firstDeadLetter,
      sources: _sources,
      letters: _letters,
      ...counts
    } = answered([1, 2, null, null, 5, 6, 7, 8]);
    expect(counts).toMatchObject({
      ...{ rowsIn: 6, rowsMapped: 4, rowsFiltered: 1, rowsDeadLettered: 1, rowsOut: 5 },
      ...{ rowsTruncated: 2, rowsFilled: 2 },
      noted: { rowsTruncated: new Set([4, 5]), rowsFilled: new Set([3, 4]) },
    });
    expect(rowsOf(rows)?.map(({ name }) => name)).toEqual(["part 0", "part 4", "part 5", "part 6", "part 7"]);
    expect(firstDeadLetter).toMatchObject({ row: 2, code: "ROW_NULL" });
    expect(rowsOf(deadLetters)).toMatchObject([{ row: 2, name: "part 2" }]);
  });

  test("lose the parts that the model has mapped when it fails on another part", () => {
    const collector = aCollector([slice(0, 6)]);
    const chunk = preparedChunk([1, 2, 3, 4, 5, 6, 7, 8]);
    collector.open(chunk);
    collector.collect([mapped([{ chunk, start: 0, end: 6 }], [0, 1, 2, 3, 4, 5])]);
    collector.collect([
      { kind: "failed", batch: rowsBatch([{ chunk, start: 6, end: 7 }]), message: "no" },
      mapped([{ chunk, start: 7, end: 8 }], [7]),
    ]);
    const { rows, firstDeadLetter, rowsMapped, rowsOut } = collector.finish();
    expect(rowsOf(rows)?.map(({ y }) => y)).toEqual([0, 1, 2, 3, 4, 7]);
    expect([firstDeadLetter?.row, rowsMapped, rowsOut]).toEqual([4, 4, 6]);
  });
});
