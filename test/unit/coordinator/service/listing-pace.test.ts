import { expect, test } from "vitest";
import { ListingPace } from "../../../../coordinator/service/listing-pace.ts";
import { NEVER } from "../../../../shared/core/abort.ts";

test("only one list is made at a time, and the pause after it is in proportion to its entries", async () => {
  const pauses: number[] = [];
  const made: number[] = [];
  let endPause = () => {};
  const pace = new ListingPace({
    after: (ms, call) => {
      pauses.push(ms);
      endPause = call;
      return () => {};
    },
  });
  const sizes = [1_000, 0, 250, 1];
  const lists = sizes.map((entries) =>
    pace.list(() => {
      made.push(entries);
      return Array(entries).fill("w");
    }, NEVER),
  );
  for (const [at, list] of lists.entries()) {
    expect(await list).toHaveLength(sizes[at] ?? 0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(made).toEqual(sizes.slice(0, at + 1));
    endPause();
  }
  expect(pauses).toEqual([100, 0, 25, 0.1]);
});

test("after a list, later calls wait for a pause, and calls beyond the limit are refused", async () => {
  const due: (() => void)[] = [];
  const pace = new ListingPace({
    after: (_ms, call) => {
      due.push(call);
      return () => {};
    },
  });
  const list = (entries: number) => pace.list(() => Array(entries).fill("w"), NEVER);
  expect(await list(1_000)).toHaveLength(1_000);
  let answered = 0;
  const waiting = Array.from({ length: 32 }, () => list(10).then(() => (answered += 1)));
  await expect(list(1)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  expect(answered).toBe(0);
  while (answered < 32) {
    due.shift()?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(waiting);
});
