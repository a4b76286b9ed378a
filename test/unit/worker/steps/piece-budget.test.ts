import fc from "fast-check";
import { expect, it } from "vitest";
import { PieceBudget } from "../../../../worker/steps/piece-budget.ts";

it("the budget allows as many pieces as fit at the size of the largest recent piece", () => {
  const budget = new PieceBudget(1000, 17, 0);
  expect(budget.pieces).toBe(17);
  budget.seen(100);
  expect(budget.pieces).toBe(10);
  budget.seen(500);
  expect(budget.pieces).toBe(2);
  budget.seen(100);
  expect(budget.pieces, "450 bytes still count").toBe(2);
  for (let piece = 0; piece < 20; piece += 1) budget.seen(100);
  expect(budget.pieces).toBe(10);
});

it("the budget allows one piece, however large", () => {
  const budget = new PieceBudget(1000, 4, 0);
  budget.seen(5000);
  expect(budget.pieces).toBe(1);
});

it("the budget uses the expected size until the first piece is done", () => {
  const budget = new PieceBudget(1000, 17, 500);
  expect(budget.pieces).toBe(2);
  budget.seen(10);
  expect(budget.pieces).toBe(17);
});

it("the budget is never exceeded while no piece is larger than the previous one", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(sizes, (bytes) => {
      const budget = new PieceBudget(10_000, 17, 0);
      for (const size of [...bytes].sort((a, b) => b - a)) {
        budget.seen(size);
        if (budget.pieces > 1) expect(budget.pieces * size).toBeLessThanOrEqual(10_000);
      }
    }),
  );
});
