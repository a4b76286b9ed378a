import { expect, test } from "vitest";
import { StoreWatch } from "../../../../coordinator/insight/store-watch.ts";
import type { StoreCounts } from "../../../../shared/domain/store-counts.ts";
import { aStore } from "../../../support/store-counts.ts";

/** Returns a watch of a coordinator that sends requests to `s3://b`, beside its workers. */
function aWatch() {
  let own: readonly StoreCounts[] = [aStore("s3://b", { requests: 5 })];
  const watch = new StoreWatch(() => own, own);
  return {
    watch,
    ask: (requests: number) => {
      own = [aStore("s3://b", { requests: 5 + requests, bytesRead: requests })];
    },
  };
}

test("requests of the coordinator since the job opened are added to those of its workers", () => {
  const { watch, ask } = aWatch();
  expect(watch.all()).toEqual([]);
  ask(3);
  watch.add([aStore("s3://a", { requests: 1 }), aStore("s3://b", { requests: 2 })]);
  watch.add([aStore("s3://a", { requests: 1 })]);
  expect(watch.all()).toMatchObject([
    { store: "s3://a", requests: 2 },
    { store: "s3://b", requests: 5 },
  ]);
});

test("rates start with the first requests of workers, and exclude requests while planning", () => {
  const { watch, ask } = aWatch();
  ask(1_000);
  for (const atMs of [0, 1_000, 2_000]) watch.look(atMs);
  watch.add([
    aStore("s3://b", {
      requests: 10,
      bytesRead: 4_000,
      answers: 10,
      firstByteMs: 250,
      throttled: 1,
      retries: 2,
    }),
  ]);
  watch.look(4_000);
  for (const over of ["run", "now"] as const)
    expect(watch.rates(over)).toEqual([
      {
        store: "s3://b",
        readBytesPerSecond: 2_000,
        writtenBytesPerSecond: 0,
        requestsPerSecond: 5,
        bytesPerRequest: 400,
        firstByteMs: 25,
        throttled: 0.1,
        repeated: 0.2,
      },
    ]);
});

test("current rates cover the last minute, and exclude stores without requests in it", () => {
  const { watch } = aWatch();
  watch.look(0);
  watch.add([aStore("s3://models", { requests: 600 })]);
  for (let second = 1; second <= 300; second += 1) {
    watch.add([aStore("s3://in", { requests: second > 200 ? 10 : 1 })]);
    watch.look(1_000 * second);
  }
  expect(watch.rates("run").map(({ store, requestsPerSecond }) => [store, requestsPerSecond])).toEqual([
    ["s3://in", 4],
    ["s3://models", 2],
  ]);
  expect(watch.rates("now").map(({ store, requestsPerSecond }) => [store, requestsPerSecond])).toEqual([
    ["s3://in", 10],
  ]);
});

test("if only the coordinator sends requests, the rates are those of the coordinator", () => {
  const { watch, ask } = aWatch();
  ask(100);
  watch.look(0);
  ask(150);
  watch.look(1_000);
  expect(watch.rates("run")).toMatchObject([{ store: "s3://b", requestsPerSecond: 50, firstByteMs: null }]);
});
