import { expect, test } from "vitest";
import { deferred } from "../../../../shared/core/abort.ts";
import { mapInOrder } from "../../../../shared/core/map-in-order.ts";

async function* numbers(count: number, seen: number[] = []) {
  for (let value = 0; value < count; value += 1) {
    seen.push(value);
    yield value;
  }
}

/** Waits until every possible promise is resolved. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("results are in the order of the items, whatever the order in which the work ends", async () => {
  const gates = Array.from({ length: 4 }, () => deferred<void>());
  const results: number[] = [];
  const all = (async () => {
    const work = async (value: number) => {
      await gates[value]?.promise;
      return value * 10;
    };
    for await (const result of mapInOrder(numbers(4), () => 4, work)) results.push(result);
  })();
  for (const index of [3, 1, 2]) {
    gates[index]?.resolve();
    await settle();
    expect(results).toEqual([]);
  }
  gates[0]?.resolve();
  await all;
  expect(results).toEqual([0, 10, 20, 30]);
});

test("at most as many items are read as may be mapped concurrently", async () => {
  const seen: number[] = [];
  const gate = deferred<void>();
  const results = mapInOrder(
    numbers(10, seen),
    () => 3,
    async (value) => {
      await gate.promise;
      return value;
    },
  );
  const first = results.next();
  await settle();
  expect(seen).toEqual([0, 1, 2]);
  gate.resolve();
  expect(await first).toEqual({ done: false, value: 0 });
  await results.return();
});

test("a finished result is returned without waiting for the next item", async () => {
  const never = deferred<void>();
  async function* stuck() {
    yield 1;
    await never.promise;
  }
  const results = mapInOrder(
    stuck(),
    () => 2,
    async (value) => value,
  );
  expect(await results.next()).toEqual({ done: false, value: 1 });
  never.resolve();
  expect(await results.next()).toEqual({ done: true, value: undefined });
});

test("the first failure in order ends the mapping and closes the source, and later failures are ignored", async () => {
  let closed = false;
  async function* source() {
    try {
      yield* numbers(5);
    } finally {
      closed = true;
    }
  }
  const work = async (value: number) => {
    if (value >= 1) throw new Error(`item ${value}`);
    return value;
  };
  const results: number[] = [];
  const all = (async () => {
    for await (const result of mapInOrder(source(), () => 3, work)) results.push(result);
  })();
  await expect(all).rejects.toThrow("item 1");
  expect(results).toEqual([0]);
  expect(closed).toBe(true);
});

test("a failing source fails the mapping after the previous results", async () => {
  async function* source() {
    yield 1;
    throw new Error("no more");
  }
  const results = mapInOrder(
    source(),
    () => 1,
    async (value) => value,
  );
  expect(await results.next()).toEqual({ done: false, value: 1 });
  await expect(results.next()).rejects.toThrow("no more");
});

test("a slow item does not block the mapping of later items, up to the limit of read items", async () => {
  const gates = Array.from({ length: 8 }, () => deferred<void>());
  const begun: number[] = [];
  const work = async (value: number) => {
    begun.push(value);
    await gates[value]?.promise;
    return value;
  };
  const results = mapInOrder(
    numbers(8),
    () => 4,
    work,
    () => 2,
  );
  const first = results.next();
  await settle();
  expect(begun).toEqual([0, 1]);
  gates[1]?.resolve();
  await settle();
  expect(begun).toEqual([0, 1, 2]);
  gates[2]?.resolve();
  await settle();
  gates[3]?.resolve();
  await settle();
  // 1, 2 and 3 are done and wait for 0.
  expect(begun).toEqual([0, 1, 2, 3]);
  gates[0]?.resolve();
  expect(await first).toEqual({ done: false, value: 0 });
  for (const gate of gates) gate.resolve();
  const rest: number[] = [];
  for await (const result of results) rest.push(result);
  expect(rest).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
