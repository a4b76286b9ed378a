import { describe, expect, it } from "vitest";
import { defineStep } from "../../../extensions/code/api.ts";
import { runStep as run } from "./run-step.ts";

describe("a step over record batches", () => {
  const reads = { id: "int32" } as const;

  it("a step returns columns as arrays or vectors, drops rows and multiplies rows", async () => {
    const step = defineStep({
      reads,
      columns: { same: "int32", twice: "float32" },
      batch: (batch) => {
        const ids = batch.getChild("id");
        if (ids === null) throw new Error("no id");
        return { columns: { same: ids, twice: Float32Array.from(ids, (id) => Number(id) * 2) } };
      },
    });
    expect((await run(step, { rows: 3 })).made).toEqual([
      { same: 0, twice: 0 },
      { same: 1, twice: 2 },
      { same: 2, twice: 4 },
    ]);
    const parts = defineStep({
      reads,
      columns: { part: "int32" },
      batch: ({ numRows }) => ({ columns: { part: [0, 0, 1] }, sources: [0, numRows - 1, numRows - 1] }),
    });
    expect((await run(parts, { rows: 4 })).sources).toEqual([0, 3, 3]);
  });

  it("a batch for which the step throws is halved until only the failing rows fail", async () => {
    const step = defineStep({
      reads,
      columns: { twice: "int32" },
      batch: (batch) => {
        const ids = Array.from(batch.getChild("id") ?? [], Number);
        if (ids.includes(3) || ids.includes(9)) throw new Error("not that one");
        return { columns: { twice: ids.map((id) => id * 2) } };
      },
    });
    const { made, failed, sources } = await run(step, { rows: 12 });
    expect(failed.map(({ row }) => row)).toEqual([3, 9]);
    expect(sources).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(made.map((row) => row.twice)).toEqual([0, 2, 4, 8, 10, 12, 14, 16, 20, 22]);
  });

  it("a retry gets the rows as they were read, although the step wrote to them before it threw", async () => {
    const step = defineStep({
      reads,
      columns: { twice: "int32" },
      batch(batch) {
        const ids = batch.getChild("id")?.toArray() as Int32Array;
        for (const at of ids.keys()) ids[at] = (ids[at] ?? 0) * 2;
        if (ids.includes(6)) throw new Error("three");
        return { columns: { twice: ids } };
      },
    });
    const { made, failed } = await run(step, { rows: 5 });
    expect(made.map((row) => row.twice)).toEqual([0, 2, 4, 8]);
    expect(failed.map(({ row }) => row)).toEqual([3]);
  });

  it("rows that the step names and rows with invalid values fail with all their parts", async () => {
    const step = defineStep({
      reads,
      columns: { n: "int8" },
      batch: () => ({
        columns: { n: [1, 2, 300, 4, 5] },
        sources: [0, 1, 1, 2, 3],
        failed: [{ row: 3, reason: "no" }],
      }),
    });
    const { made, failed } = await run(step, { rows: 4 });
    expect(failed.map(({ row, code }) => [row, code])).toEqual([
      [1, "ROW_VALUE"],
      [3, "ROW_FAILED"],
    ]);
    expect(made.map((row) => row.n)).toEqual([1, 4]);
  });

  it.each([
    [{ columns: { n: [1] } }, "`n`: expected 3 values, one for each row, found 1"],
    [{ columns: { n: 7 } }, "`n`: expected an array or an Arrow vector, found 7"],
    [{ columns: { n: [1, 2, 3], m: [] } }, "`m` is not among the declared columns"],
    [
      { columns: { n: [1] }, sources: [3] },
      "`sources[0]`: expected a row from 0 to 2, in ascending order, found 3",
    ],
    [{ columns: { n: [1, 2] }, sources: [1, 0] }, "found 0"],
    [[], "expected { columns: ... }"],
    [{ columns: { n: [1, 2, 3] }, failed: [null] }, "`failed`: expected a row from 0 to 2, found undefined"],
    [
      { columns: { n: [1, 2, 3] }, failed: [{ row: 9, reason: "" }] },
      "`failed`: expected a row from 0 to 2, found 9",
    ],
  ])("an invalid result %j fails all rows at once with a reason", async (result, message) => {
    const { failed, calls } = await run({ reads, columns: { n: "int8" }, batch: () => result }, { rows: 3 });
    expect(failed.map(({ row }) => row)).toEqual([0, 1, 2]);
    expect(failed[0]?.message).toContain(message);
    expect(calls).toHaveLength(1);
  });
});
