import { workerData } from "node:worker_threads";
import { systemClock } from "../../shared/core/clock.ts";
import { freeBuffers } from "../../shared/core/free-buffers.ts";
import { type CallContext, Transferred } from "../../shared/core/remote/peer.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { buffersOfTables, packBatch, unpackBatch } from "../../shared/dataset/packed-table.ts";
import { plainBatch } from "../../shared/dataset/plain-batch.ts";
import { StepChain } from "./step-chain.ts";
import type {
  StepAnswer,
  StepRun,
  StepThreadMethods,
  StepThreadOptions,
  StepThreadOwner,
} from "./step-protocol.ts";

/**
 * Script of a thread that runs the steps of one stage, while the shard thread reads and collects.
 * `StepThreadClient` starts it.
 */

const { steps, ...options } = workerData as StepThreadOptions;
const opening = StepChain.open(steps, options);
// The first record batch gets the error.
opening.catch(() => {});

const owner = serveOwner<StepThreadMethods, StepThreadOwner>({ run }, async () => {
  await (await opening.catch(() => null))?.[Symbol.asyncDispose]();
});

async function run({ batch, shard }: StepRun, { signal }: CallContext): Promise<Transferred<StepAnswer>> {
  let startMs = systemClock.nowMs();
  try {
    const chain = await opening;
    startMs = systemClock.nowMs();
    const { batch: made, sources, ...rest } = await chain.runOf(shard, unpackBatch(batch), signal);
    const packed = packBatch(plainBatch(made));
    const own = sources === null ? null : sources.slice();
    const transfer = [...buffersOfTables(packed), ...(own === null ? [] : [own.buffer])];
    return new Transferred({ made: packed, sources: own, ...rest }, transfer);
  } finally {
    owner.notify("busy", systemClock.nowMs() - startMs);
    freeBuffers(buffersOfTables(batch));
  }
}
