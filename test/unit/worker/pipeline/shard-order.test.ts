import { expect, test } from "vitest";
import { ShardOrder } from "../../../../worker/pipeline/shard-order.ts";

const { signal } = new AbortController();
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Returns a state that shows when the work is done. */
function watched(work: Promise<unknown>): { readonly done: boolean } {
  const state = { done: false };
  work.then(
    () => {
      state.done = true;
    },
    () => {},
  );
  return state;
}

test.each([
  ["near", 1],
  ["far", 2],
] as const)("prefetching of %s shards: %i enter before their turn", async (where, count) => {
  const order = new ShardOrder();
  using reading = await order.enter(where, signal);
  await reading.turn();
  const next = Array.from({ length: count + 1 }, () => order.enter(where, signal));
  const entered = next.map(watched);
  await settle();
  expect(entered.map(({ done }) => done)).toEqual(entered.map((_, at) => at < count));
  reading.endRead();
  await (await next[0])?.turn();
  await settle();
  expect(entered.every(({ done }) => done)).toBe(true);
  for (const pass of await Promise.all(next)) pass[Symbol.dispose]();
});

test("shards are read in the order of their leases, even when a later one is ready first", async () => {
  const order = new ShardOrder();
  using first = await order.enter("far", signal);
  using second = await order.enter("far", signal);
  const early = watched(second.turn());
  await settle();
  expect(early.done).toBe(false);
  await first.turn();
  await settle();
  expect(early.done).toBe(false);
  first.endRead();
  await settle();
  expect(early.done).toBe(true);
});

test("three shards are in memory at once, and the next is read after one is written", async () => {
  const order = new ShardOrder();
  const done = [];
  for (let count = 0; count < 3; count += 1) {
    const pass = await order.enter("near", signal);
    await pass.turn();
    pass.endRead();
    done.push(pass);
  }
  using next = await order.enter("near", signal);
  const turn = watched(next.turn());
  await settle();
  expect(turn.done).toBe(false);
  done[0]?.[Symbol.dispose]();
  await settle();
  expect(turn.done).toBe(true);
  // A repeated call has no further effect.
  for (const pass of done) pass[Symbol.dispose]();
});

test.each(["before its turn", "during its turn", "while waiting for its turn"])(
  "a shard that is abandoned %s does not block the others",
  async (when) => {
    const order = new ShardOrder();
    using first = await order.enter("far", signal);
    await first.turn();
    const stop = new AbortController();
    const left = await order.enter("far", stop.signal);
    if (when === "during its turn") first.endRead();
    const turn = when === "before its turn" ? null : left.turn();
    if (when === "during its turn") await turn;
    stop.abort(new Error("given up"));
    if (when === "while waiting for its turn") await expect(turn).rejects.toThrow("given up");
    left[Symbol.dispose]();
    first.endRead();
    for (let count = 0; count < 4; count += 1) {
      using next = await order.enter("far", signal);
      await next.turn();
    }
  },
);
