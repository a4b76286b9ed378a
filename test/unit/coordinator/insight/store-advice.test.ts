import { expect, test } from "vitest";
import { storeAdvice, storeInUse } from "../../../../coordinator/insight/store-advice.ts";
import type { StoreRate } from "../../../../coordinator/insight/store-rates.ts";
import { aRate } from "../../../support/store-counts.ts";

const reading = (rate: Partial<StoreRate>) => [aRate("s3://in", { readBytesPerSecond: 50 << 20, ...rate })];
const writing = (rate: Partial<StoreRate>) => [
  aRate("s3://out", { writtenBytesPerSecond: 50 << 20, ...rate }),
];

test("the advice names the store with the most bytes read or written", () => {
  const stores = [
    aRate("s3://models", { readBytesPerSecond: 1 << 20 }),
    aRate("gs://in", { readBytesPerSecond: 85.25 * 2 ** 20, requestsPerSecond: 123.4, firstByteMs: 38.2 }),
    aRate("s3://out", { readBytesPerSecond: 1, writtenBytesPerSecond: 3 << 20, firstByteMs: null }),
  ];
  expect(storeInUse("read", stores)).toBe("gs://in (85.3 MiB/s in 123 requests/s, first byte after 38 ms)");
  expect(storeInUse("store", stores)).toBe("s3://out (3.0 MiB/s in 20 requests/s)");
  expect(storeAdvice("read", stores)).toMatch(/^reading gs:\/\/in \(85.3 /);
  expect(storeAdvice("store", stores)).toMatch(/^writing to s3:\/\/out \(3.0 /);
});

test("there is no advice about a store without bytes read or written", () => {
  expect(storeAdvice("read", [])).toBeNull();
  expect(storeAdvice("read", writing({}))).toBeNull();
  expect(storeInUse("store", reading({}))).toBeNull();
});

test.each<[string, Partial<StoreRate>, read: RegExp, store: RegExp]>([
  [
    "throttles",
    { throttled: 0.12, firstByteMs: 500 },
    /12 % throttled\).*fewer workers.*prefixes/,
    /fewer workers.*shardRows/,
  ],
  [
    "fails",
    { repeated: 0.3, throttled: 0.01 },
    /30 % of its requests fail.*network/,
    /30 % of its requests fail/,
  ],
  ["gets small requests", { bytesPerRequest: 40 << 10 }, /40.0 KiB each.*larger row groups/, /larger shards/],
  ["responds slowly", { firstByteMs: 210 }, /after 210 ms.*its region.*--shard-threads/, /its region/],
  ["is limited by its bandwidth", {}, /more workers.*only the columns/, /more workers.*fewer columns/],
])("a store that %s has its own advice", (_what, rate, read, store) => {
  expect(storeAdvice("read", reading(rate))).toMatch(read);
  expect(storeAdvice("store", writing(rate))).toMatch(store);
});

test("advice about throttling comes first, then failures, small requests and slow responses", () => {
  const all = { throttled: 0.1, repeated: 0.1, bytesPerRequest: 10, firstByteMs: 900 };
  const texts = [
    storeAdvice("read", reading(all)),
    storeAdvice("read", reading({ ...all, throttled: 0.04 })),
    storeAdvice("read", reading({ ...all, throttled: 0.04, repeated: 0.04 })),
    storeAdvice("read", reading({ firstByteMs: 100 })),
    storeAdvice("read", reading({ firstByteMs: 99 })),
  ];
  expect(texts).toEqual([
    expect.stringContaining("fewer workers"),
    expect.stringContaining("are retried"),
    expect.stringContaining("small"),
    expect.stringContaining("region"),
    expect.stringContaining("more workers"),
  ]);
  expect(new Set(texts).size).toBe(texts.length);
});
