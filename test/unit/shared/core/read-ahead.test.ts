import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { readAhead } from "../../../../shared/core/read-ahead.ts";

test("results are in the order of the items, and only the work on the next items starts early", async () => {
  const gates = Array.from({ length: 6 }, () => deferred<string>());
  const begun: number[] = [];
  const results = readAhead([0, 1, 2, 3, 4, 5], 2, (item) => {
    begun.push(item);
    return gates[item]?.promise ?? Promise.reject(new Error("no gate"));
  });
  const first = results.next();
  expect(begun).toEqual([0, 1, 2]);
  gates[2]?.resolve("c");
  gates[0]?.resolve("a");
  expect((await first).value).toBe("a");
  const second = results.next();
  expect(begun).toEqual([0, 1, 2, 3]);
  gates[1]?.resolve("b");
  expect((await second).value).toBe("b");
  expect((await results.next()).value).toBe("c");
  for (const gate of gates) gate.resolve("rest");
  const rest: string[] = [];
  for await (const result of results) rest.push(result);
  expect(rest).toEqual(["rest", "rest", "rest"]);
});

test("a failure is thrown in its turn, and failures of later items are ignored", async () => {
  const seen: number[] = [];
  const failing = async () => {
    const results = readAhead([0, 1, 2, 3], 3, async (item) => {
      if (item > 0) throw new Error(`item ${item}`);
      return item;
    });
    for await (const result of results) seen.push(result);
  };
  await expect(failing()).rejects.toThrow("item 1");
  expect(seen).toEqual([0]);
});

test("no items give no results", async () => {
  expect((await readAhead([], 3, async () => 1).next()).done).toBe(true);
});
