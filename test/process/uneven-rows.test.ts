import { Table } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bindMap } from "../../coordinator/plan/bind/bind-map.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { createSession, type Session } from "../../shared/onnx/session.ts";
import { BatchSizer } from "../../worker/batch/batch-sizer.ts";
import { rowsInMemory } from "../../worker/batch/bounds.ts";
import type { Lanes } from "../../worker/lanes/lanes.ts";
import { BusyMeter } from "../../worker/meter/busy-meter.ts";
import { mapInMemory } from "../support/memory-shard.ts";
import { plainRows } from "../support/sample-table.ts";
import { idsTable, maskedMean, maskedMeanModel, unevenIds } from "../support/uneven-model.ts";

/**
 * A real model whose answers depend on every position and on the mask. It runs through the pipeline of a
 * shard with lists of any lengths. Each row's answer equals the model's answer for that row alone.
 */

let session: Session;
let plan: MapBinding;
beforeAll(async () => {
  session = await createSession(maskedMeanModel(), { device: "cpu", threads: 1 });
  const int64 = { kind: "numeric", type: "int64" } as const;
  plan = bindMap(
    {
      inputs: {
        input_ids: { scale: 1, offset: 0, pad: 7 },
        attention_mask: { scale: 1, offset: 0, mask: "input_ids" },
      },
      outputs: [],
      keep: ["id"],
      prepare: [],
      finish: [],
      batch: { rows: "auto", tokens: "auto" },
    },
    session.signature,
    [
      { name: "id", type: int64, nullable: false },
      { name: "input_ids", type: { kind: "list", item: int64 }, nullable: true },
    ],
  );
});
afterAll(() => session[Symbol.asyncDispose]());

/** Runs the model in this thread, one batch after another. `refuse` receives the ids of a batch first. */
function lanesOf(refuse: (rows: number, length: number, ids: BigInt64Array) => ShardmillError | null) {
  let last: Promise<unknown> = Promise.resolve();
  const infer: Lanes["infer"] = (feeds, outputs) => {
    const run = last.then(async () => {
      const ids = feeds.input_ids;
      if (ids === undefined) throw new Error("no ids");
      const [rows = 0, length = 0] = ids.dims;
      const refused = refuse(rows, length, new BigInt64Array(ids.data));
      if (refused !== null) throw refused;
      return { outputs: await session.run(feeds, outputs), feeds, runMs: 1 };
    });
    last = run.catch(() => {});
    return run;
  };
  return infer;
}

const accept = () => null;

/** Returns batch sizes with limits for rows and tokens. */
function sized(rows: number, tokens: number | "auto"): (length: number | null) => number {
  const sizer = new BatchSizer({ fixedRows: null, rows, tokens, memoryRows: rowsInMemory(plan) });
  return (length) => sizer.nextRows(length);
}

/** Returns the lists as record batches of these sizes. */
function tableOf(lists: readonly (readonly number[])[], sizes: readonly number[]): Table {
  const whole = idsTable(lists);
  const batches: Table["batches"] = [];
  for (let row = 0, at = 0; row < lists.length; at += 1) {
    const rows = Math.max(1, sizes[at % sizes.length] ?? 1);
    batches.push(...whole.slice(row, row + rows).batches);
    row += rows;
  }
  return new Table(batches);
}

const answers = (lists: readonly (readonly number[])[], without: readonly number[] = []) =>
  lists.flatMap((ids, row) => (without.includes(row) ? [] : [{ id: `${row}n`, ...maskedMean(ids) }]));

const ids = fc.array(fc.integer({ min: 0, max: 39 }), { maxLength: 40 });
const someLists = fc.array(ids, { minLength: 1, maxLength: 40 });
const someSizes = fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1, maxLength: 4 });

test("each row has the answer of the row alone, in input order, for any lengths and batches", async () => {
  const someRows = fc.integer({ min: 1, max: 20 });
  const someTokens = fc.oneof(fc.constant("auto" as const), fc.integer({ min: 1, max: 400 }));
  await fc.assert(
    fc.asyncProperty(someLists, someSizes, someRows, someTokens, async (lists, sizes, rows, tokens) => {
      const { result, ran } = await mapInMemory({
        map: plan,
        table: tableOf(lists, sizes),
        infer: lanesOf(accept),
        nextRows: sized(rows, tokens),
      });
      expect(plainRows(result.rows)).toEqual(answers(lists));
      expect(ran.every((batch) => batch.rows <= rows)).toBe(true);
      if (tokens === "auto") return;
      expect(ran.every((batch) => batch.rows === 1 || batch.rows * (batch.length ?? 0) <= tokens)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("batches that do not fit and rows that fail leave all other answers right and in order", async () => {
  const bad = 39n;
  const refuse = (rows: number, length: number, values: BigInt64Array) => {
    if (rows * length > 120 && rows > 1) return new ShardmillError("OUT_OF_MEMORY", "full");
    return values.includes(bad) ? new ShardmillError("MODEL_FAILED", "cannot take 39") : null;
  };
  await fc.assert(
    fc.asyncProperty(someLists, someSizes, async (lists, sizes) => {
      const dead = lists.flatMap((list, row) => (list.includes(Number(bad)) ? [row] : []));
      fc.pre(dead.length < lists.length);
      const { result, tooBig } = await mapInMemory({
        map: plan,
        table: tableOf(lists, sizes),
        infer: lanesOf(refuse),
        nextRows: () => 16,
      });
      expect(plainRows(result.rows)).toEqual(answers(lists, dead));
      expect(result.rowsDeadLettered).toBe(dead.length);
      expect(tooBig.every(({ rows, length }) => rows * (length ?? 0) > 120)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("rows that are not lists of ids are dead-lettered with a reason, and other rows are unaffected", async () => {
  const lists = [[1, 2, 3], null, [4, null, 6], [7], [], [8, 9]];
  const { result } = await mapInMemory({
    map: plan,
    table: idsTable(lists),
    infer: lanesOf(accept),
    nextRows: sized(8, 64),
  });
  const good = lists.map((list) => (list ?? []).flatMap((id) => id ?? []));
  expect(plainRows(result.rows)).toEqual(answers(good, [1, 2]));
  expect(plainRows(result.deadLetters ?? new Table())).toMatchObject([
    { row: "1n", code: "ROW_NULL", message: "column `input_ids` is null, and there is no fill for it" },
    { row: "2n", code: "ROW_NULL", message: "column `input_ids` holds a null, and there is no fill for it" },
  ]);
});

test("sorting by length keeps padding low, and the padding is counted", async () => {
  const lists = unevenIds(4_000, 300);
  const meter = new BusyMeter(() => 0);
  const { result, ran } = await mapInMemory({
    map: plan,
    table: idsTable(lists),
    infer: lanesOf(accept),
    nextRows: sized(1_000, 4_096),
    meter,
  });
  expect(result.rowsOut).toBe(lists.length);
  const own = lists.reduce((total, list) => total + list.length, 0);
  const run = ran.reduce((total, { rows, length }) => total + rows * (length ?? 0), 0);
  expect(meter.takePositions()).toEqual({ run, padded: run - own });
  expect((run - own) / run).toBeLessThan(0.12);
  const inOrder = Math.max(...lists.map((list) => list.length)) * lists.length;
  expect(run).toBeLessThan(inOrder / 3);
  expect(meter.takePositions()).toEqual({ run: 0, padded: 0 });
});
