import { parentPort, workerData } from "node:worker_threads";
import { assertNever, present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { errorToData, ShardmillError } from "../../shared/core/errors.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import {
  buffersOfTables,
  type PackedTable,
  packBatch,
  unpackBatch,
} from "../../shared/dataset/packed-table.ts";
import { plainBatch } from "../../shared/dataset/plain-batch.ts";
import { StepChain } from "./step-chain.ts";
import type { StepCommand, StepEvent, StepThreadOptions } from "./step-protocol.ts";

/**
 * A thread that runs the steps of one stage, so that the shard thread goes on reading and collecting
 * meanwhile. Started by `StepThreadClient`.
 */

const port = present(parentPort, "a step thread has a parent");
const { steps, ...options } = workerData as StepThreadOptions;
const stop = new AbortController();
const opening = StepChain.open(steps, options);
// The first record batch is answered with why they could not be opened.
opening.catch(() => {});
/** Aborts the record batch at work. */
let abandoning = new AbortController();
let running: Promise<void> = Promise.resolve();

port.on("message", (command: StepCommand) => {
  switch (command.kind) {
    case "run":
      abandoning = new AbortController();
      running = answer(command.batch, AbortSignal.any([abandoning.signal, stop.signal]));
      return;
    case "abandon":
      abandoning.abort(abandoned());
      return;
    case "end":
      void end();
      return;
    default:
      assertNever(command);
  }
});

async function answer(batch: PackedTable, signal: AbortSignal): Promise<void> {
  let startMs = systemClock.nowMs();
  const busyMs = () => systemClock.nowMs() - startMs;
  try {
    const chain = await opening;
    startMs = systemClock.nowMs();
    const { batch: made, sources, ...rest } = await chain.run(unpackBatch(batch), signal);
    const packed = packBatch(plainBatch(made));
    const own = sources === null ? null : sources.slice();
    const event: StepEvent = { kind: "done", made: packed, sources: own, ...rest, busyMs: busyMs() };
    port.postMessage(event, [...buffersOfTables(packed), ...(own === null ? [] : [own.buffer])]);
  } catch (error) {
    port.postMessage({ kind: "failed", error: errorToData(error), busyMs: busyMs() } satisfies StepEvent);
  } finally {
    freeBuffers(buffersOfTables(batch));
  }
}

/** Not before DuckDB has let go: see `untilEnded`. */
async function end(): Promise<void> {
  stop.abort(abandoned());
  await running;
  await (await opening.catch(() => null))?.[Symbol.asyncDispose]();
  // With its port closed nothing keeps the thread alive, and it ends by itself.
  port.close();
}

function abandoned(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the record batch is abandoned");
}
