import { setImmediate } from "node:timers/promises";
import { type RecordBatch, Schema, Table } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { defineReduction } from "../../../extensions/code/api.ts";
import { TypeFault } from "../../../extensions/code/run/column-types.ts";
import {
  checkReduction,
  columnsOf,
  type ReductionHalf,
} from "../../../extensions/code/run/loaded-reduction.ts";
import { runReduction } from "../../../extensions/code/run/run-reduction.ts";
import { recordBatchOf } from "../../../shared/dataset/record-batch.ts";
import { arrowFieldOf, columnOf } from "../../../shared/values/write-values.ts";
import { plainRows } from "../../support/sample-table.ts";

type Row = Readonly<Record<string, unknown>>;

/** Runs a half of a reduction over rows, in record batches of a given size. */
async function run(exported: object, half: ReductionHalf, rows: readonly Row[], batchRows = 3) {
  const reduction = checkReduction(exported);
  const { given } = columnsOf(reduction.declaration, half);
  const batches: RecordBatch[] = [];
  for (let start = 0; start < rows.length; start += batchRows) {
    const part = rows.slice(start, start + batchRows);
    const columns = given.map(({ name, type }) =>
      columnOf(
        part.map((row) => row[name] ?? null),
        type,
      ),
    );
    batches.push(recordBatchOf(new Schema(given.map(arrowFieldOf)), part.length, columns));
  }
  const next = async () => batches.shift() ?? null;
  const made = await runReduction({ reduction, half, next, where: `reduce.x.${half}` });
  return plainRows(new Table([made]));
}

const reads = { key: "string", n: "int32" } as const;
const combined = { key: "string", sum: "int64" } as const;

/** The same sums, computed by rows and by record batches. */
const byRows = defineReduction({
  reads,
  combined,
  columns: combined,
  async combine({ rows }) {
    const sums = new Map<string, number>();
    for await (const { key, n } of rows) sums.set(key, (sums.get(key) ?? 0) + n);
    return [...sums].map(([key, sum]) => ({ key, sum }));
  },
  async final({ rows }) {
    const sums = new Map<string, bigint>();
    for await (const { key, sum } of rows) sums.set(key, (sums.get(key) ?? 0n) + sum);
    return [...sums].map(([key, sum]) => ({ key, sum })).sort((a, b) => (a.key < b.key ? -1 : 1));
  },
});
const byBatches = defineReduction({
  ...byRows,
  async combine({ batches }) {
    const sums = new Map<string, number>();
    for await (const batch of batches) {
      const [keys, ns] = [batch.getChild("key"), batch.getChild("n")];
      for (let row = 0; row < batch.numRows; row += 1)
        sums.set(String(keys?.get(row)), (sums.get(String(keys?.get(row))) ?? 0) + Number(ns?.get(row)));
    }
    return { columns: { key: [...sums.keys()], sum: [...sums.values()] } };
  },
});

describe("a reduction", () => {
  it("combine by rows and combine by record batches give equal sums for every batch size", async () => {
    const row = fc.record({ key: fc.constantFrom("a", "b", "c"), n: fc.integer({ min: -1000, max: 1000 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { maxLength: 30 }),
        fc.integer({ min: 1, max: 9 }),
        async (rows, cut) => {
          const expected = new Map<string, number>();
          for (const { key, n } of rows) expected.set(key, (expected.get(key) ?? 0) + n);
          const sums = [...expected].map(([key, sum]) => ({ key, sum: `${sum}n` }));
          expect(await run(byRows, "combine", rows, cut)).toEqual(sums);
          expect(await run(byBatches, "combine", rows, cut)).toEqual(sums);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("final reads the rows of combine and may stop before the end", async () => {
    const partials = [
      { key: "b", sum: 1n },
      { key: "a", sum: 2n },
      { key: "b", sum: 3n },
    ];
    expect(await run(byRows, "final", partials)).toEqual([
      { key: "a", sum: "2n" },
      { key: "b", sum: "4n" },
    ]);
    const first = defineReduction({
      ...byRows,
      async final({ rows }) {
        for await (const row of rows) return [row];
        return [];
      },
    });
    expect(await run(first, "final", partials, 1)).toEqual([{ key: "b", sum: "1n" }]);
  });

  it.each([
    ["a number", () => 7, "returned 7: expected an array of rows, or { columns: ... }"],
    ["a row of another type", () => [{ key: "a", sum: "x" }], "row 0: `sum`: expected a whole number"],
    ["an undeclared column", () => ({ columns: { key: [], sum: [], n: [] } }), "`n` is not among"],
    [
      "columns of unequal length",
      () => ({ columns: { key: ["a"], sum: [1, 2] } }),
      "`sum`: expected 1 values, one for each row, found 2",
    ],
    [
      "a null",
      () => ({ columns: { key: ["a", "b"], sum: [1, null] } }),
      "row 1: `sum`: expected a whole number",
    ],
  ])("combine that returns %s fails with STEP_INVALID and a reason", async (_, made, message) => {
    const error: unknown = await run({ ...byRows, combine: made }, "combine", []).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "STEP_INVALID", message: expect.stringContaining(message) });
    expect(String(error)).toContain("reduce.x.combine");
  });

  it("a reduction that has returned gets no more rows, although its code continues to read", async () => {
    const requested: number[] = [];
    const goesOn = defineReduction({
      ...byRows,
      async combine({ rows }) {
        const readAll = (async () => {
          for await (const { n } of rows) {
            requested.push(n);
            await setImmediate();
          }
        })();
        readAll.catch(() => {});
        return [];
      },
    });
    const rows = Array.from({ length: 9 }, (_, n) => ({ key: "a", n }));
    expect(await run(goesOn, "combine", rows, 1)).toEqual([]);
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(requested.length).toBeLessThan(3);
  });

  it("each half is called once, with all record batches, and the other half is not called", async () => {
    const calls: string[] = [];
    const counted = defineReduction({
      ...byRows,
      async combine({ batches }) {
        const rows: number[] = [];
        for await (const batch of batches) rows.push(batch.numRows);
        calls.push(`combine ${rows}`);
        return [];
      },
      async final({ rows }) {
        let count = 0;
        for await (const _ of rows) count += 1;
        calls.push(`final ${count}`);
        return [];
      },
    });
    await run(
      counted,
      "combine",
      Array.from({ length: 7 }, (_, n) => ({ key: "a", n })),
    );
    await run(
      counted,
      "final",
      Array.from({ length: 4 }, () => ({ key: "a", sum: 1n })),
    );
    expect(calls).toEqual(["combine 3,3,1", "final 4"]);
  });

  it("waiting for rows does not count towards the timeout, and code between them does", async () => {
    vi.useFakeTimers();
    try {
      /** Runs a reduction that takes `codeMs` a record batch. Each of three arrives after a minute. */
      const after = (codeMs: number) => {
        const slow = { ...byRows, timeoutSeconds: 10, combine: takes(codeMs) };
        let left = 3;
        const next = async () => {
          await vi.advanceTimersByTimeAsync(60_000);
          left -= 1;
          return left < 0 ? null : recordBatchOf(new Schema([]), 1, []);
        };
        return runReduction({ reduction: checkReduction(slow), half: "combine", next, where: "reduce.x" });
      };
      const takes =
        (codeMs: number): typeof byRows.combine =>
        async ({ batches }) => {
          for await (const _ of batches) await vi.advanceTimersByTimeAsync(codeMs);
          return [];
        };
      await expect(after(9_999)).resolves.toMatchObject({ numRows: 0 });
      await expect(after(10_000)).rejects.toMatchObject({ message: "reduce.x: took longer than 10 s" });
    } finally {
      vi.useRealTimers();
    }
  });

  it("a reduction that never returns fails at its timeout", async () => {
    const waits = { ...byRows, timeoutSeconds: 0.05, combine: () => new Promise(() => {}) };
    await expect(run(waits, "combine", [])).rejects.toMatchObject({
      code: "STEP_FAILED",
      message: "reduce.x.combine: took longer than 0.05 s",
    });
  });

  it.each([
    [undefined, "has no default export that is a reduction"],
    [{ ...byRows, row: 1 }, "`row` is not a key of a reduction"],
    [{ ...byRows, final: undefined }, "both `combine` and `final`"],
    [{ ...byRows, columns: {} }, "columns: a table needs at least one column"],
    [{ ...byRows, combined: { key: "text" } }, "combined: `key`: expected one of"],
  ])("an invalid reduction is rejected when it is loaded (%#)", (exported, message) => {
    expect(() => checkReduction(exported)).toThrow(TypeFault);
    expect(() => checkReduction(exported)).toThrow(message);
  });
});
