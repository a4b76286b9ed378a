import fc from "fast-check";
import { expect, test } from "vitest";
import { type Rate, TokenBucket } from "../../../../shared/core/token-bucket.ts";

const rates: fc.Arbitrary<Rate> = fc.record({
  perS: fc.integer({ min: 1, max: 1_000 }),
  burst: fc.integer({ min: 1, max: 5_000 }),
});
const asks = fc.array(
  fc.record({ afterMs: fc.integer({ min: 0, max: 5_000 }), amount: fc.integer({ min: 1, max: 2_000 }) }),
  { maxLength: 100 },
);

test("at most the rate and one burst are taken in any period, apart from a debt of the last request", () => {
  fc.assert(
    fc.property(rates, asks, (rate, all) => {
      let nowMs = 0;
      const bucket = new TokenBucket(rate, nowMs);
      const taken: { readonly atMs: number; readonly amount: number }[] = [];
      for (const { afterMs, amount } of all) {
        nowMs += afterMs;
        if (bucket.take(amount, nowMs) === 0) taken.push({ atMs: nowMs, amount });
      }
      for (const [from, first] of taken.entries()) {
        let sum = 0;
        for (const { atMs, amount } of taken.slice(from)) {
          // Before the request that leaves a debt.
          const most = rate.burst + ((atMs - first.atMs) / 1_000) * rate.perS;
          expect(sum + Math.min(amount, rate.burst)).toBeLessThanOrEqual(most + 1e-6);
          sum += amount;
        }
      }
    }),
  );
});

test("a refused request gets the shortest wait after which it is accepted", () => {
  fc.assert(
    fc.property(rates, asks, fc.integer({ min: 1, max: 10_000 }), (rate, all, amount) => {
      let nowMs = 0;
      const made = () => new TokenBucket(rate, 0);
      const [bucket, early] = [made(), made()];
      for (const ask of all) {
        nowMs += ask.afterMs;
        for (const each of [bucket, early]) each.take(ask.amount, nowMs);
      }
      const waitMs = bucket.take(amount, nowMs);
      if (waitMs === 0) return;
      // The caller's clock has milliseconds, and sums of fractions are inexact.
      expect(bucket.take(amount, nowMs + waitMs + 1)).toBe(0);
      early.take(amount, nowMs);
      if (waitMs > 2) expect(early.take(amount, nowMs + waitMs - 2)).toBeGreaterThan(0);
    }),
  );
});

test("a refusal takes no tokens, and a clock that goes back adds none", () => {
  const bucket = new TokenBucket({ perS: 1, burst: 2 }, 1_000);
  expect([bucket.take(2, 1_000), bucket.take(1, 1_000), bucket.take(1, 1_000)]).toEqual([0, 1_000, 1_000]);
  expect(bucket.take(1, 0)).toBe(1_000);
  expect(bucket.take(1, 900)).toBe(100);
  expect(bucket.take(1, 1_000)).toBe(0);
  expect(bucket.isFull(1_500)).toBe(false);
  expect(bucket.isFull(3_000)).toBe(true);
});
