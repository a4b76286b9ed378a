import { parentPort, workerData } from "node:worker_threads";
import { present } from "../../shared/core/assert.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { LoopCommand, LoopEvent, LoopThreadOptions } from "./loop-protocol.ts";
import { type LoopWork, openLoopStage } from "./loop-work.ts";

/** Thread of a bare loop. `LoopThreads` starts it. */

const owner = present(parentPort, "a loop runs in a thread");
const tell = (event: LoopEvent) => owner.postMessage(event);

async function main(options: LoopThreadOptions): Promise<void> {
  const stage = await openLoopStage(options);
  const stop = new Int32Array(options.stop);
  let work: LoopWork = { rows: 0, steps: [] };
  const obey = async (command: LoopCommand) => {
    switch (command.kind) {
      case "prepare":
        work = stage.work(command.batching);
        // The first pass grows arenas and warms caches, so it is not timed.
        for (const step of work.steps.slice(0, 2)) await step();
        return tell({ kind: "ready" });
      case "go":
        return tell({ kind: "done", ...(await loop(work, stop)) });
    }
  };
  owner.on("message", (command: LoopCommand) => void obey(command).catch(fail));
  tell({ kind: "ready" });
}

/**
 * Repeats passes over the rows until the stop, and drops the unfinished pass. So every count has the same mix
 * of rows. All threads stay busy while any of them is timed.
 */
async function loop({ rows, steps }: LoopWork, stop: Int32Array): Promise<{ rows: number; ms: number }> {
  const startMs = performance.now();
  let [passes, ms] = [0, 0];
  for (;;) {
    for (const step of steps) {
      if (Atomics.load(stop, 0) !== 0 && passes > 0) return { rows: rows * passes, ms };
      await step();
    }
    passes += 1;
    ms = performance.now() - startMs;
    if (passes === 1) tell({ kind: "passed" });
    if (steps.length === 0) return { rows: 0, ms };
  }
}

function fail(error: unknown): void {
  tell({ kind: "failed", error: errorToData(error) });
}

main(workerData as LoopThreadOptions).catch(fail);
