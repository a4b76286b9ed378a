import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { hasEnded } from "../../../../shared/core/end-thread.ts";
import { SpareThreads } from "../../../../shared/core/spare-threads.ts";

/** Returns threads that wait for messages, and the number that was started. */
function aRig(most: number) {
  const started: Worker[] = [];
  const start = () => {
    const thread = new Worker("require('node:worker_threads').parentPort.on('message', () => {})", {
      eval: true,
    });
    started.push(thread);
    return thread;
  };
  return { spares: new SpareThreads(start, most), started };
}

test("a kept thread is the next one that is taken, and no thread is started", async () => {
  const { spares, started } = aRig(1);
  await using _spares = spares;
  const first = spares.take();
  for (let turn = 0; turn < 5; turn += 1) {
    spares.keep(first);
    expect(spares.take()).toBe(first);
  }
  expect(started).toEqual([first]);
  spares.keep(first);
});

test("warming starts one thread, which is then taken", async () => {
  const { spares, started } = aRig(1);
  await using _spares = spares;
  spares.warm();
  spares.warm();
  expect(started).toHaveLength(1);
  expect(spares.take()).toBe(started[0]);
  spares.keep(spares.take());
  await started[0]?.terminate();
});

test("threads above the limit are ended, and all are ended with their keeper", async () => {
  const { spares } = aRig(1);
  const [kept, other] = [spares.take(), spares.take()];
  spares.keep(kept);
  const ended = once(other, "exit");
  spares.keep(other);
  await ended;
  expect(hasEnded(kept)).toBe(false);
  await spares[Symbol.asyncDispose]();
  expect(hasEnded(kept)).toBe(true);
});

test("a thread that ended while it was kept is replaced", async () => {
  const { spares, started } = aRig(1);
  await using _spares = spares;
  const gone = spares.take();
  spares.keep(gone);
  await gone.terminate();
  const next = spares.take();
  expect([next === gone, started.length]).toEqual([false, 2]);
  spares.keep(next);
});
