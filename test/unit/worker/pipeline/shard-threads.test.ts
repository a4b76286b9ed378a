import type { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { type Deferred, deferred, NEVER } from "../../../../shared/core/abort.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import type { RunOptions } from "../../../../worker/pipeline/shard-thread-client.ts";
import { type ShardThread, ShardThreads } from "../../../../worker/pipeline/shard-threads.ts";
import { aLease } from "../../../support/builders.ts";

interface Run {
  readonly thread: number;
  readonly options: RunOptions;
  readonly result: Deferred<PartialManifest>;
}

/** Returns threads that run shards until the test ends them. */
function rig(count: number) {
  const runs: Run[] = [];
  const started: { readonly place: number; readonly onBroken: () => void; closed: boolean }[] = [];
  const threads = new ShardThreads(count, async (place, onBroken) => {
    const thread = started.push({ place, onBroken, closed: false }) - 1;
    return {
      run: (_lease, _executionId, options) => {
        const result = deferred<PartialManifest>();
        runs.push({ thread, options, result });
        return result.promise;
      },
      leave: async () => null,
      [Symbol.asyncDispose]: async () => {
        const entry = started[thread];
        if (entry !== undefined) entry.closed = true;
      },
    } satisfies ShardThread;
  });
  const give = async (): Promise<Run> => {
    const before = runs.length;
    use(threads).catch(() => {});
    while (runs.length === before) await Promise.resolve();
    const run = runs.at(-1);
    if (run === undefined) throw new Error("no run was started");
    return run;
  };
  return { threads, started, give };
}

const use = (threads: ShardThreads) =>
  threads.use((thread, onRead) =>
    thread.run(aLease(), asExecutionId("e"), { signal: NEVER, onProgress: () => {}, onRead }),
  );

const settle = () => new Promise((resolve) => setImmediate(resolve));
const aPartial = {} as PartialManifest;

test("a shard goes to the thread with the fewest shards to read, whatever it has left to write", async () => {
  const { threads, give } = rig(2);
  const first = await give();
  const second = await give();
  expect([first.thread, second.thread]).toEqual([0, 1]);
  second.options.onRead?.();
  second.options.onRead?.();
  const third = await give();
  const fourth = await give();
  expect([third.thread, fourth.thread]).toEqual([1, 0]);
  for (const { result } of [first, third, fourth]) result.reject(new Error("failed"));
  await settle();
  expect((await give()).thread).toBe(0);
  second.result.resolve(aPartial);
  await settle();
  expect((await give()).thread).toBe(1);
  await threads[Symbol.asyncDispose]();
});

test("a broken thread is replaced when it gets its next shard", async () => {
  const { threads, started, give } = rig(1);
  const first = await give();
  started[0]?.onBroken();
  first.result.reject(new Error("broken"));
  await settle();
  expect((await give()).thread).toBe(1);
  expect(started.map(({ place }) => place)).toEqual([0, 0]);
  await threads[Symbol.asyncDispose]();
  expect(started.map(({ closed }) => closed)).toEqual([false, true]);
});

test("a thread that failed to start is started again for the next shard", async () => {
  let starts = 0;
  const threads = new ShardThreads(1, async () => {
    starts += 1;
    if (starts === 1) throw new Error("no threads left");
    return { run: async () => aPartial, leave: async () => null, [Symbol.asyncDispose]: async () => {} };
  });
  await expect(use(threads)).rejects.toThrow("no threads left");
  expect(await use(threads)).toBe(aPartial);
  await threads[Symbol.asyncDispose]();
});

test("threads that are left go to the next job, and the next shard takes others", async () => {
  let starts = 0;
  const left = {} as Worker;
  const threads = new ShardThreads(2, async (place) => {
    starts += 1;
    if (place === 1) throw new Error("no threads left");
    return { run: async () => aPartial, leave: async () => left, [Symbol.asyncDispose]: async () => {} };
  });
  await Promise.allSettled([use(threads), use(threads)]);
  expect(await threads.leave()).toEqual([left]);
  expect(await threads.leave()).toEqual([]);
  expect(starts).toBe(2);
  expect(await use(threads)).toBe(aPartial);
  expect(starts).toBe(3);
});
