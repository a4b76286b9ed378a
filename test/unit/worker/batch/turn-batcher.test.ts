import { Field, Float32, Int32, type RecordBatch, Schema, Table } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { columnData, recordBatchOf } from "../../../../shared/dataset/record-batch.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import type { SteppedRows } from "../../../../shared/steps/apply-step.ts";
import { NO_NOTED_ROWS } from "../../../../shared/steps/noted-rows.ts";
import type { Lanes } from "../../../../worker/lanes/lanes.ts";
import { mapInMemory } from "../../../support/memory-shard.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { anOutput } from "../../../support/shard-job.ts";

/** A row of the shard: the values of its parts. */
type Parts = readonly number[];

/** Value on which the model fails. */
const BAD = -1;

const map: MapBinding = {
  inputs: [aBinding()],
  state: [{ tensor: "h", output: "hn", dtype: "float32", rowDims: [2], rowValues: 2, batchAxis: 1 }],
  outputs: [anOutput({ column: "y", tensor: "y", rowDims: [], rowValues: 1 })],
  keep: [{ name: "id", type: { kind: "numeric", type: "int32" }, nullable: false }],
  columns: ["id"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Makes a row of each part of a row, in `c`. */
function explode(rows: readonly Parts[], batch: RecordBatch): SteppedRows {
  const ids = [...(columnData(batch, "id").values as Int32Array).subarray(0, batch.numRows)];
  const sources = ids.flatMap((id, at) => (rows[id] ?? []).map(() => at));
  const c = column(
    ids.flatMap((id) => rows[id] ?? []),
    new Float32(),
  );
  const id = column(
    sources.map((at) => ids[at] ?? 0),
    new Int32(),
  );
  const schema = new Schema([new Field("id", new Int32(), false), new Field("c", new Float32(), false)]);
  return {
    batch: recordBatchOf(schema, sources.length, [id, c]),
    sources: Uint32Array.from(sources),
    failed: [],
    noted: NO_NOTED_ROWS,
  };
}

/** Computes the output from the state: a sum and a count of the values so far. */
const answer = (sum: number, count: number) => sum * 100 + count;

interface Run {
  readonly rows: readonly Parts[];
  /** Rows of each record batch. */
  readonly cut: number;
  readonly lanes: number;
  readonly most: number;
  /** Limit of rows in a batch that fits. */
  readonly fits: number;
  readonly fixed: number | null;
}

async function run({ rows, cut, lanes, most, fits, fixed }: Run) {
  const sizes: number[] = [];
  let running = 0;
  let atOnce = 0;
  const infer: Lanes["infer"] = async (feeds) => {
    const x = new Float32Array(feeds.x?.data ?? new ArrayBuffer(0));
    const h = new Float32Array(feeds.h?.data ?? new ArrayBuffer(0));
    expect(feeds.h?.dims).toEqual([2, x.length]);
    sizes.push(x.length);
    running += 1;
    atOnce = Math.max(atOnce, running);
    // Batches return in any order.
    for (let turns = x.length % 4; turns >= 0; turns -= 1)
      await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    if (x.length > fits) throw new ShardmillError("OUT_OF_MEMORY", "too large");
    if (x.includes(BAD)) throw new ShardmillError("MODEL_FAILED", "no");
    const hn = h.map((value, at) => value + (at < x.length ? (x[at] ?? 0) : 1));
    const y = x.map((_, at) => answer(hn[at] ?? 0, hn[x.length + at] ?? 0));
    const outputs = {
      y: { dtype: "float32", dims: [x.length], data: y.buffer },
      hn: { dtype: "float32", dims: [2, x.length], data: hn.buffer },
    } as const;
    return { outputs, feeds, runMs: 1 };
  };
  const batches = Array.from({ length: Math.ceil(rows.length / cut) }, (_, index) => {
    const ids = [...rows.keys()].slice(index * cut, (index + 1) * cut);
    return batchOf({ id: column(ids, new Int32()) });
  });
  const steps = {
    ...{ atOnce: 2, pieceRows: () => 1000 },
    run: async (batch: RecordBatch) => explode(rows, batch),
    schemaOf: async () => explode([[1]], batchOf({ id: column([0], new Int32()) })).batch.schema,
  };
  const table = new Table(batches);
  const nextRows = () => fixed ?? most;
  const mapped = await mapInMemory({
    ...{ map: { ...map, fixedBatchRows: fixed }, table, infer, nextRows, steps: [steps], lanes },
  });
  return { ...mapped, sizes, atOnce };
}

test("each part gets the state of the previous part, whatever the batches and failures", async () => {
  const value = fc.integer({ min: 0, max: 50 });
  const part = fc.oneof({ arbitrary: value, weight: 40 }, { arbitrary: fc.constant(BAD), weight: 1 });
  const any = fc.record({
    rows: fc.array(fc.array(part, { maxLength: 12 }), { minLength: 1, maxLength: 25 }),
    cut: fc.integer({ min: 1, max: 6 }),
    lanes: fc.integer({ min: 1, max: 3 }),
    most: fc.integer({ min: 1, max: 9 }),
    fits: fc.integer({ min: 1, max: 9 }),
    fixed: fc.constant(null),
  });
  const property = fc.asyncProperty(any, async (of) => {
    // A model that fails on every row fails the job.
    const rows = [[1, 2], ...of.rows];
    const { result } = await run({ ...of, rows });
    const expected = rows.flatMap((parts, id) => {
      if (parts.includes(BAD)) return [];
      let sum = 0;
      return parts.map((x, at) => {
        sum += x;
        return [id, answer(sum, at + 1)];
      });
    });
    const [ids, ys] = ["id", "y"].map((name) => result.rows.getChild(name)?.toArray());
    expect(Array.from(ids ?? [], (id, at) => [id, ys?.[at]])).toEqual(expected);
    expect(result.rowsDeadLettered).toBe(rows.filter((parts) => parts.includes(BAD)).length);
    expect(result.rowsFiltered).toBe(rows.filter((parts) => parts.length === 0).length);
  });
  await fc.assert(property, { numRuns: 60 });
});

test("a fixed batch is filled up with copies of its last row", async () => {
  const rows = Array.from({ length: 7 }, (_, row) => Array.from({ length: row + 1 }, () => row));
  const { result, sizes } = await run({ rows, cut: 3, lanes: 1, most: 4, fits: 9, fixed: 4 });
  expect(new Set(sizes)).toEqual(new Set([4]));
  expect(result.rows.getChild("y")?.get(27)).toBe(answer(42, 7));
});

test("concurrent rows fill the batches, and at least two batches of a lane run at once", async () => {
  const rows = Array.from({ length: 40 }, () => [1, 2, 3, 4, 5]);
  const { sizes, atOnce } = await run({ rows, cut: 10, lanes: 1, most: 5, fits: 9, fixed: null });
  expect(sizes).toEqual(Array.from({ length: 40 }, () => 5));
  expect(atOnce).toBeGreaterThanOrEqual(2);
});
