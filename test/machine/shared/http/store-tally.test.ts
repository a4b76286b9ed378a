import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { compiledUrl } from "../../../../shared/core/package-root.ts";
import { MOST_STORES, OTHER_STORES } from "../../../../shared/domain/store-counts.ts";
import { processTally, StoreTally, storeNameOf } from "../../../../shared/http/store-tally.ts";
import { aStore } from "../../../support/store-counts.ts";

const MODULE = compiledUrl("shared/http/store-tally.ts").href;

/** Script of a thread that counts, with a nested thread that also counts. Both are ended meanwhile. */
const COUNTING = `
  const { parentPort, Worker, workerData } = require("node:worker_threads");
  import(${JSON.stringify(MODULE)}).then(({ processTally }) => {
    for (let time = 0; time < 1000; time += 1) {
      processTally.of("s3://of-threads").add("requests", 1);
      processTally.of("s3://of-threads").add("bytesRead", 10);
    }
    if (workerData === "inner") return parentPort.postMessage("counted");
    const inner = new Worker(workerData, { eval: true, workerData: "inner" });
    inner.once("message", () => {
      parentPort.postMessage("counted");
      for (;;);
    });
  });
`;

test("requests that threads and nested threads counted remain after they are terminated", async () => {
  const before = processTally.read().find(({ store }) => store === "s3://of-threads")?.requests ?? 0;
  const threads = [1, 2].map(() => new Worker(COUNTING, { eval: true, workerData: COUNTING }));
  await Promise.all(threads.map((thread) => once(thread, "message")));
  await Promise.all(threads.map((thread) => thread.terminate()));
  const counted = processTally.read().find(({ store }) => store === "s3://of-threads");
  expect((counted?.requests ?? 0) - before).toBe(4_000);
});

test("two tallies over one memory share their counts and fractional times", () => {
  const one = new StoreTally();
  const other = new StoreTally(one.memory);
  one.of("s3://a").add("waitedMs", 0.25);
  other.of("s3://a").add("waitedMs", 1.5);
  other.of("gs://b").add("requests", 1);
  one.add([aStore("gs://b", { requests: 2, bytesWritten: 3 })]);
  const sum = [aStore("gs://b", { requests: 3, bytesWritten: 3 }), aStore("s3://a", { waitedMs: 1.75 })];
  expect(one.read()).toEqual(sum);
  expect(other.read()).toEqual(sum);
});

test("stores above the limit are counted together, and a long name is truncated", () => {
  const tally = new StoreTally();
  for (let index = 0; index < 500; index += 1) tally.of(`https://host-${index}`).add("requests", 1);
  tally.of("https://host-3").add("requests", 1);
  const counts = tally.read();
  expect(counts).toHaveLength(MOST_STORES);
  expect(counts.find(({ store }) => store === "https://host-3")?.requests).toBe(2);
  expect(counts.find(({ store }) => store === OTHER_STORES)?.requests).toBe(500 - MOST_STORES + 1);
  const long = new StoreTally();
  long.of(`https://${"x".repeat(2_000)}`).add("requests", 1);
  expect(long.read()).toMatchObject([{ store: expect.stringMatching(/^https:\/\/x{248}$/), requests: 1 }]);
});

test.each([
  [
    "s3://bucket/some/key.parquet",
    "https://s3.eu-west-1.amazonaws.com/bucket/key?X-Amz-Signature=s",
    "s3://bucket",
  ],
  ["s3://bucket", "http://127.0.0.1:7070/bucket", "s3://bucket"],
  [
    "abfss://c@a.dfs.core.windows.net/x",
    "https://a.blob.core.windows.net/c/x",
    "abfss://c@a.dfs.core.windows.net",
  ],
  ["https://host:8443/a.parquet?...", "https://me:secret@host:8443/a.parquet?token=t", "https://host:8443"],
  ["the identity", "https://me:secret@login.example/token?secret=x", "https://login.example"],
])("the name of a store is as its user wrote it, without secrets (%s)", (path, url, name) => {
  expect(storeNameOf(path, new URL(url))).toBe(name);
});

test("counts of `others` from another process do not take the place of a store", () => {
  const tally = new StoreTally();
  tally.add([aStore("others", { requests: 2 })]);
  for (let index = 0; index < 63; index += 1) tally.of(`https://host-${index}`).add("requests", 1);
  tally.add([aStore("others", { requests: 3 })]);
  const read = tally.read();
  expect(read).toHaveLength(64);
  expect(read.find(({ store }) => store === "others")?.requests).toBe(5);
  expect(read.filter(({ requests }) => requests === 1)).toHaveLength(63);
});
