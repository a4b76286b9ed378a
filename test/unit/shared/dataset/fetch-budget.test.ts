import fc from "fast-check";
import { expect, test } from "vitest";
import { FetchBudget, type FetchShare } from "../../../../shared/dataset/fetch-budget.ts";

const LIMIT = 100;

/** Returns true when the share is granted by now. */
async function isGranted(share: FetchShare): Promise<boolean> {
  return await Promise.race([
    share.granted.then(() => true),
    new Promise<false>((resolve) => setImmediate(() => resolve(false))),
  ]);
}

test("when two row groups exceed the budget, the second waits until the first is released", async () => {
  const budget = new FetchBudget(LIMIT);
  using reader = budget.open();
  const first = reader.ask(60);
  const second = reader.ask(60);
  expect([await isGranted(first), await isGranted(second)]).toEqual([true, false]);
  first[Symbol.dispose]();
  expect(await isGranted(second)).toBe(true);
  expect(budget.heldBytes).toBe(60);
});

test("a request larger than the budget is granted only to the oldest reader", async () => {
  const budget = new FetchBudget(LIMIT);
  using oldest = budget.open();
  using younger = budget.open();
  const ahead = younger.ask(1_000);
  expect(await isGranted(ahead)).toBe(false);
  const needed = oldest.ask(1_000);
  expect(await isGranted(needed)).toBe(true);
  oldest[Symbol.dispose]();
  expect(await isGranted(ahead)).toBe(true);
});

test("the oldest reader does not wait for bytes that a younger reader holds", async () => {
  const budget = new FetchBudget(LIMIT);
  using oldest = budget.open();
  using younger = budget.open();
  expect(await isGranted(younger.ask(90))).toBe(true);
  expect(await isGranted(oldest.ask(90))).toBe(true);
});

test("a younger reader's request waits behind an older one, however small it is", async () => {
  const budget = new FetchBudget(LIMIT);
  using oldest = budget.open();
  using younger = budget.open();
  const current = oldest.ask(60);
  const next = oldest.ask(60);
  const small = younger.ask(1);
  expect([await isGranted(next), await isGranted(small)]).toEqual([false, false]);
  current[Symbol.dispose]();
  expect([await isGranted(next), await isGranted(small)]).toEqual([true, true]);
});

test("a cancelled request fails with INTERRUPTED, and the requests behind it move up", async () => {
  const budget = new FetchBudget(LIMIT);
  using oldest = budget.open();
  using younger = budget.open();
  oldest.ask(60);
  const next = oldest.ask(60);
  const small = younger.ask(1);
  next[Symbol.dispose]();
  await expect(next.granted).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(await isGranted(small)).toBe(true);
  younger[Symbol.dispose]();
  await expect(younger.ask(1).granted).rejects.toMatchObject({ code: "INTERRUPTED" });
  expect(budget.heldBytes).toBe(60);
});

/** Row groups of each reader, and the number of further steps for each. */
const readers = fc.array(fc.array(fc.record({ bytes: fc.nat(300), steps: fc.nat(3) }), { maxLength: 8 }), {
  minLength: 1,
  maxLength: 4,
});

test("readers that fetch one row group ahead all finish, and the bytes that they hold are bounded", async () => {
  await fc.assert(
    fc.asyncProperty(readers, fc.nat(200), async (groupsOf, limit) => {
      const budget = new FetchBudget(limit);
      const largest = Math.max(0, ...groupsOf.flat().map(({ bytes }) => bytes));
      let held = 0;
      let most = 0;
      const fetch = async (share: FetchShare, bytes: number) => {
        await share.granted;
        held += bytes;
        most = Math.max(most, held);
      };
      let turn = Promise.resolve();
      const readAll = groupsOf.map((groups) => {
        const reader = budget.open();
        const before = turn;
        const begin = (at: number) => {
          const group = groups[at];
          if (group === undefined) return null;
          const share = reader.ask(group.bytes);
          return { share, fetched: fetch(share, group.bytes) };
        };
        const read = async () => {
          let next = begin(0);
          for (const [at, { bytes, steps }] of groups.entries()) {
            const current = next;
            await current?.fetched;
            next = begin(at + 1);
            // A row group that was read ahead is yielded after the previous ones.
            await before;
            for (let step = 0; step < steps; step += 1) await new Promise((resolve) => setImmediate(resolve));
            held -= bytes;
            current?.share[Symbol.dispose]();
          }
          await before;
          reader[Symbol.dispose]();
        };
        turn = read();
        return turn;
      });
      await Promise.all(readAll);
      expect(most).toBeLessThanOrEqual(limit + largest);
      expect(held).toBe(0);
      expect(budget.heldBytes).toBe(0);
    }),
    { numRuns: 300 },
  );
});
