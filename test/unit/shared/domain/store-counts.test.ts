import { expect, test } from "vitest";
import {
  MOST_STORES,
  OTHER_STORES,
  sinceStores,
  sumOfStores,
} from "../../../../shared/domain/store-counts.ts";
import { aStore } from "../../../support/store-counts.ts";

test("the counts of one store by several callers are added up", () => {
  const one = aStore("s3://a", { requests: 2, bytesRead: 10, waitedMs: 0.5 });
  const other = aStore("s3://a", { requests: 3, throttled: 1, waitedMs: 0.25 });
  const third = aStore("gs://b", { requests: 1 });
  expect(sumOfStores([one, third, other])).toEqual([
    third,
    aStore("s3://a", { requests: 5, bytesRead: 10, throttled: 1, waitedMs: 0.75 }),
  ]);
});

test("stores beyond the limit are counted together, and no count is lost", () => {
  const many = Array.from({ length: 1_000 }, (_, index) =>
    aStore(`https://host-${index}`, { requests: 1, bytesRead: index }),
  );
  const sum = sumOfStores(many);
  expect(sum).toHaveLength(MOST_STORES);
  expect(sum.find(({ store }) => store === OTHER_STORES)).toMatchObject({
    requests: 1_000 - MOST_STORES + 1,
  });
  expect(sum.reduce((total, { requests }) => total + requests, 0)).toBe(1_000);
  expect(sum.reduce((total, { bytesRead }) => total + bytesRead, 0)).toBe((999 * 1_000) / 2);
  // Once at the limit, the number of stores stays there.
  expect(sumOfStores([...sum, aStore("s3://new", { requests: 7 })])).toHaveLength(MOST_STORES);
});

test("a sum of too many stores is unchanged when it is summed again", () => {
  // By name, `others` comes before the last one.
  const many = Array.from({ length: MOST_STORES - 2 }, (_, index) =>
    aStore(`https://host-${index}`, { requests: 1 }),
  );
  const last = aStore("s3://bucket", { requests: 5 });
  const sum = sumOfStores([...many, aStore(OTHER_STORES, { requests: 3 }), last]);
  expect(sum).toHaveLength(MOST_STORES);
  expect(sum.at(-1)).toEqual(last);
  expect(sumOfStores(sum)).toEqual(sum);
});

test("counts since an earlier time are differences of at least zero, and unchanged stores are excluded", () => {
  const before = [aStore("s3://a", { requests: 5, bytesRead: 100 }), aStore("s3://b", { requests: 1 })];
  const now = [
    aStore("s3://a", { requests: 7, bytesRead: 90 }),
    aStore("s3://b", { requests: 1 }),
    aStore("s3://c", { requests: 1 }),
  ];
  expect(sinceStores(before, now)).toEqual([
    aStore("s3://a", { requests: 2 }),
    aStore("s3://c", { requests: 1 }),
  ]);
});

test("counts of an untrusted peer add up to at most the largest safe integer", () => {
  const most = Number.MAX_SAFE_INTEGER;
  expect(sumOfStores([aStore("s", { requests: most }), aStore("s", { requests: most })])).toEqual([
    aStore("s", { requests: most }),
  ]);
});
