import { expect, test } from "vitest";
import { mergeShares } from "../../../../worker/job/merge-shares.ts";

test("what threads had the lanes do adds up, their own stages are means, and nobody's is left out", () => {
  const threads = [
    { infer: 0.5, decode: 0.8, encode: 0.2 },
    { infer: 0.25, decode: 0.4 },
  ];
  expect(mergeShares(threads, 2)).toEqual({ infer: 0.75, decode: (0.8 + 0.4) / 2, encode: 0.1 });
});

test("a thread that has not told yet is idle, and no share is more than all", () => {
  expect(mergeShares([{ infer: 0.7, decode: 1 }], 4)).toEqual({ infer: 0.7, decode: 0.25 });
  expect(mergeShares([{ infer: 0.7 }, { infer: 0.7 }], 2)).toEqual({ infer: 1 });
  expect(mergeShares([], 2)).toEqual({});
});
