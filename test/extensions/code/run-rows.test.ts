import { describe, expect, it } from "vitest";
import { defineStep, fail, list, nullable, struct, vector } from "../../../extensions/code/api.ts";
import type { FailedRow } from "../../../extensions/code/run/run-task.ts";
import { READS, runStep as run } from "./run-step.ts";

describe("a step over rows", () => {
  it("a returned value is copied, so later writes to its memory have no effect", async () => {
    const scratch = new Uint8Array(1);
    const { made } = await run(
      defineStep({
        reads: READS,
        columns: { own: "binary", inner: list("binary") },
        row({ id }) {
          scratch[0] = id;
          return { own: scratch, inner: [scratch] };
        },
      }),
      { rows: 3 },
    );
    expect(made).toEqual([0, 1, 2].map((id) => ({ own: `0${id}`, inner: [`0${id}`] })));
  });

  it("sparse arrays fail their rows, and the other rows keep their values", async () => {
    const { made, failed } = await run(
      defineStep({
        reads: READS,
        columns: { tags: list("int32"), point: vector("float32", 2) },
        row({ id }) {
          const tags = [id];
          const point = [id, id];
          if (id === 1) tags[3] = id;
          if (id === 2) delete point[0];
          const made = [{ tags, point }];
          if (id === 3) made[2] = { tags, point };
          return made;
        },
      }),
      { rows: 5 },
    );
    expect(made).toEqual([0, 4].map((id) => ({ tags: [id], point: [id, id] })));
    expect(failed.map(({ row, code }) => [row, code])).toEqual([1, 2, 3].map((row) => [row, "ROW_VALUE"]));
    expect(failed.map(({ message }) => message)).toEqual([
      expect.stringContaining("`tags[1]`"),
      expect.stringContaining("`point[0]`"),
      expect.stringContaining("found undefined"),
    ]);
  });

  it("a thrown value that cannot become text dead-letters its row", async () => {
    const { failed } = await run(
      defineStep({
        reads: READS,
        columns: {},
        row({ id }) {
          if (id === 1) throw Object.create(null);
          return {};
        },
      }),
      { rows: 2 },
    );
    expect(failed).toMatchObject([{ row: 1, code: "ROW_FAILED" }]);
  });

  it("a step makes columns of every type", async () => {
    const { made } = await run(
      defineStep({
        reads: READS,
        columns: {
          yes: "bool",
          small: "int8",
          big: "int64",
          half: "float16",
          score: "float64?",
          name: "string?",
          bytes: "binary",
          day: "date",
          at: "timestamp",
          tags: list("string"),
          maybe: nullable(list("int32?")),
          point: vector("float32", 2),
          inner: struct({ x: "int32", y: "string?" }),
        },
        row: ({ id, text }) => ({
          yes: id % 2 === 0,
          small: id - 5,
          big: id % 2 === 0 ? id : BigInt(id),
          half: id / 2,
          name: text,
          bytes: Uint8Array.of(id, id),
          day: new Date(Date.UTC(2024, 0, id + 1)),
          at: new Date(id * 1000 + 7),
          tags: Array.from({ length: id % 3 }, (_, at) => `t${at}`),
          maybe: id === 1 ? null : [id, null],
          point: [id, -id],
          inner: { x: id, ...(id === 2 ? {} : { y: "y" }) },
        }),
      }),
      { rows: 3 },
    );
    expect(made[2]).toEqual({
      yes: true,
      small: -3,
      big: "2n",
      half: 1,
      score: null,
      name: "row 2",
      bytes: "0202",
      day: expect.anything(),
      at: 2007,
      tags: ["t0", "t1"],
      maybe: [2, null],
      point: [2, -2],
      inner: { x: 2, y: null },
    });
    expect(made[1]).toMatchObject({ maybe: null, big: "1n", tags: ["t0"] });
  });

  it("a step drops rows or returns several for one, in the order of its input", async () => {
    const step = defineStep({
      reads: { id: "int32" },
      columns: { part: "int32" },
      row: ({ id }) => (id % 2 === 0 ? null : Array.from({ length: id % 3 }, (_, part) => ({ part }))),
    });
    const { made, sources, failed } = await run(step, { rows: 9 });
    expect(sources).toEqual([1, 5, 5, 7]);
    expect(made.map((row) => row.part)).toEqual([0, 0, 1, 0]);
    expect(failed).toEqual([]);
  });

  it("rows that finish out of order keep their order, and at most `concurrency` rows run at once", async () => {
    let now = 0;
    let most = 0;
    const step = defineStep({
      reads: { id: "int32" },
      columns: { twice: "int32" },
      concurrency: 3,
      async row({ id }) {
        now += 1;
        most = Math.max(most, now);
        await new Promise((resolve) => setTimeout(resolve, (7 - id) % 4));
        now -= 1;
        return { twice: id * 2 };
      },
    });
    const { made } = await run(step, { rows: 8 });
    expect(made.map((row) => row.twice)).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
    expect(most).toBe(3);
  });

  it("only the rows for which the step throws are dead-lettered", async () => {
    const step = defineStep({
      reads: { id: "int32" },
      columns: { twice: "int32" },
      async row({ id }) {
        if (id === 2) fail("two is too many");
        if (id === 3) throw new RangeError("three");
        if (id === 4) throw "four";
        return { twice: id * 2 };
      },
    });
    const { made, failed, sources } = await run(step, { rows: 6 });
    expect(made.map((row) => row.twice)).toEqual([0, 2, 10]);
    expect(sources).toEqual([0, 1, 2, 3, 4, 5]);
    expect(failed.map(({ row, code }) => [row, code])).toEqual([
      [2, "ROW_FAILED"],
      [3, "ROW_FAILED"],
      [4, "ROW_FAILED"],
    ]);
    expect(failed[0]?.message).toBe("map.prepare[0]: two is too many");
    expect(failed[1]?.message).toBe("map.prepare[0]: RangeError: three");
    expect(failed[2]?.message).toBe("map.prepare[0]: four");
  });

  it("a row with a null in a column without nulls is dead-lettered and not given to the step", async () => {
    const step = defineStep({
      reads: { text: "string" },
      columns: { n: "int32" },
      row: ({ text }) => ({ n: text.length }),
    });
    const { failed, calls } = await run(step, { rows: 6 });
    expect(failed).toMatchObject([{ row: 4, code: "ROW_NULL" }]);
    expect(failed[0]?.message).toContain("`text` is null");
    expect(calls).toEqual([0, 1, 2, 3, 5]);
  });

  it.each([
    [{ n: "abc" }, '`n`: expected a whole number from -128 to 127 (int8), found the string "abc"'],
    [{ n: 128 }, "found 128"],
    [{ n: 1.5 }, "found 1.5"],
    [{ n: null }, "found null"],
    [{}, "found undefined"],
    [{ n: 1, m: 2 }, "`m` is not among the step's columns: `n`, `v`"],
    [undefined, "return null to drop a row"],
    ["text", 'found the string "text"'],
    [{ n: 1, v: [1] }, "`v`: expected 2 numbers, found 1"],
    [{ n: 1, v: [1, "x"] }, '`v[1]`: expected a number (float32), found the string "x"'],
  ])("an invalid result %j fails its row with ROW_VALUE and a reason", async (result, message) => {
    const columns = { n: "int8", v: nullable(vector("float32", 2)) };
    const { failed } = await run({ reads: {}, columns, row: () => result }, { rows: 1 });
    expect(failed).toMatchObject([{ row: 0, code: "ROW_VALUE" }]);
    expect(failed[0]?.message).toContain(message);
  });

  it("a row that exceeds its timeout fails, and its signal is aborted", async () => {
    let aborted: unknown = null;
    const step = defineStep({
      reads: { id: "int32" },
      columns: {},
      timeoutSeconds: 0.05,
      concurrency: 2,
      row: ({ id }, { signal }) =>
        id === 1
          ? new Promise<never>(() => signal.addEventListener("abort", () => (aborted = signal.reason)))
          : {},
    });
    const { failed, sources } = await run(step, { rows: 3 });
    expect(failed).toMatchObject([
      { row: 1, code: "ROW_FAILED", message: "map.prepare[0]: took longer than 0.05 s" },
    ]);
    expect(sources).toEqual([0, 1, 2]);
    expect(aborted).toBeInstanceOf(Error);
  });

  it("a step gets the state of its thread and is not called for rows that are already lost", async () => {
    const step = defineStep({
      reads: { id: "int32" },
      columns: { sum: "int32" },
      open: () => ({ plus: 100 }),
      row: ({ id }, { state }) => ({ sum: id + state.plus }),
    });
    const lost: FailedRow[] = [{ row: 1, code: "ROW_FAILED", message: "hung" }];
    const { made, failed, calls } = await run(step, { rows: 3, lost, state: { plus: 7 } });
    expect(made.map((row) => row.sum)).toEqual([7, 9]);
    expect(failed).toEqual(lost);
    expect(calls).toEqual([0, 2]);
  });
});
