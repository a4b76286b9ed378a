import { availableParallelism } from "node:os";
import type { MessagePort } from "node:worker_threads";
import type { ErrorData } from "../../shared/core/errors.ts";
import type { DeviceCheckPlan } from "../../shared/domain/job.ts";
import type { MapPlan } from "../../shared/domain/map-plan.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { connectLanes } from "../infer/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "../shard/busy-meter.ts";
import { openDataStores } from "../shard/data-stores.ts";
import { InputChunk } from "../shard/input-chunk.ts";
import { InputFiles } from "../shard/input-files.ts";
import type { DataAccess } from "../shard/shard-protocol.ts";
import { type Comparison, ModelPair } from "./model-pair.ts";
import { sampleBatches } from "./sample-batches.ts";

/** What the checking thread is started with. */
export interface DeviceQuestion {
  readonly jobId: string;
  readonly modelPath: string;
  readonly map: MapPlan;
  readonly sample: DeviceCheckPlan["sample"];
  readonly input: readonly [DataAccess, ...DataAccess[]];
  /** See `AccuracyLimits`. */
  readonly tolerance: number;
  /** After this no further batch is run. The first always is. */
  readonly limitMs: number;
  /** To the lanes of the device. */
  readonly lanePorts: readonly MessagePort[];
}

export type DeviceCheckAnswer =
  | { readonly kind: "compared"; readonly comparison: Comparison }
  | { readonly kind: "failed"; readonly error: ErrorData };

/** More threads than this make a check hardly shorter, and other workers start at the same time. */
const MOST_THREADS = 4;

/** Runs the sample on the CPU in this thread and on the device's lanes, batch by batch, and compares what they answer. */
export async function compareDevice(question: DeviceQuestion, nowMs: () => number): Promise<Comparison> {
  const { jobId, modelPath, map, sample, input, tolerance, limitMs, lanePorts } = question;
  const threads = Math.min(MOST_THREADS, availableParallelism());
  using lanes = connectLanes(lanePorts);
  await using cpu = await createSession(modelPath, { device: "cpu", threads });
  await using data = await openDataStores(input, jobId);
  using files = new InputFiles({ stores: data.stores, meter: new BusyMeter(nowMs, threadIdleMs) });
  const pair = new ModelPair(
    (feeds, outputs) => cpu.run(feeds, outputs),
    async (feeds, outputs) => (await lanes.infer(feeds, outputs)).outputs,
    map,
  );
  const endMs = nowMs() + limitMs;
  for (const stretch of sample) {
    for await (const chunk of readChunks(stretch, files, map)) {
      for (const batch of sampleBatches(chunk, map, pair.isUntried)) {
        await pair.compare(batch, stretch.file.path);
        if (nowMs() > endMs || pair.isFull) return pair.finish(tolerance);
      }
    }
  }
  return pair.finish(tolerance);
}

async function* readChunks(
  { file, rowStart, rowEnd }: DeviceQuestion["sample"][number],
  files: InputFiles,
  { columns, inputs }: MapPlan,
): AsyncGenerator<InputChunk> {
  const { signal } = new AbortController();
  const opened = await files.take(file, signal);
  try {
    let fileRow = rowStart;
    for await (const batch of opened.read({ rowStart, rowEnd, columns })) {
      const chunk = new InputChunk(batch, fileRow, inputs);
      fileRow += chunk.rows;
      yield chunk;
    }
  } finally {
    files.drop(opened);
  }
}
