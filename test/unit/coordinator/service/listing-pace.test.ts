import { expect, test } from "vitest";
import { ListingPace } from "../../../../coordinator/service/listing-pace.ts";
import { NEVER } from "../../../../shared/core/abort.ts";

test("after a list, later calls wait for a pause in proportion, and calls beyond the limit are refused", async () => {
  const due: { ms: number; call: () => void }[] = [];
  const pace = new ListingPace({
    after: (ms, call) => {
      due.push({ ms, call });
      return () => {};
    },
  });
  const list = (entries: number) => pace.list(() => Array(entries).fill("w"), NEVER);
  expect(await list(1_000)).toHaveLength(1_000);
  expect(due.map(({ ms }) => ms)).toEqual([100]);
  let answered = 0;
  const waiting = Array.from({ length: 32 }, () => list(10).then(() => (answered += 1)));
  await expect(list(1)).rejects.toMatchObject({ code: "RESOURCE_EXHAUSTED" });
  expect(answered).toBe(0);
  while (answered < 32) {
    due.shift()?.call();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(waiting);
});
