import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { MapPlan } from "../../shared/domain/map-plan.ts";
import type { ConvertedPrecision } from "../../shared/domain/precision.ts";
import { strictHalf } from "../../shared/onnx/precision/convert-file.ts";
import { createSession, type Session } from "../../shared/onnx/session.ts";
import { createLocalStore } from "../../shared/store/local-store.ts";
import { byteSource } from "../../shared/store/store.ts";
import { InputChunk } from "../shard/input-chunk.ts";
import { type Comparison, ModelPair } from "./model-pair.ts";
import { sampleBatches } from "./sample-batches.ts";

/** Plain JSON. */
export interface CompareQuestion {
  readonly original: string;
  readonly converted: string;
  readonly precision: ConvertedPrecision;
  readonly map: MapPlan;
  /** The rows to compare on. */
  readonly slices: readonly LeaseSlice[];
  readonly threads: number;
  /** See `AccuracyLimits`. */
  readonly tolerance: number;
  /** After this no further rows are read. */
  readonly limitMs: number;
}

/**
 * Runs two models on the CPU over rows of a job, made into tensors as a worker makes them, and compares what they answer.
 * For a process that may be ended.
 */
export async function compareModels(question: CompareQuestion, nowMs: () => number): Promise<Comparison> {
  const { threads, map, tolerance } = question;
  await using original = await createSession(question.original, { device: "cpu", threads });
  await using converted = await openConverted(question);
  const pair = new ModelPair(
    (feeds, outputs) => original.run(feeds, outputs),
    (feeds, outputs) => converted.run(feeds, outputs),
    map,
  );
  const endMs = nowMs() + question.limitMs;
  for await (const { chunk, file } of readChunks(question)) {
    for (const batch of sampleBatches(chunk, map, pair.isUntried)) {
      if (nowMs() > endMs || pair.isFull) return pair.finish(tolerance);
      await pair.compare(batch, file);
    }
  }
  return pair.finish(tolerance);
}

/** On the CPU float16 is not what it is elsewhere: its twin for checking rounds and overflows as it does on a GPU. */
async function openConverted({ original, converted, precision, threads }: CompareQuestion): Promise<Session> {
  if (precision !== "fp16") return createSession(converted, { device: "cpu", threads });
  return createSession(await strictHalf(original), { device: "cpu", threads, optimize: false });
}

async function* readChunks({ slices, map }: CompareQuestion) {
  await using store = createLocalStore();
  for (const { file, rowStart, rowEnd } of slices) {
    using opened = await openDatasetFile(byteSource(store, file.path, file.bytes), file.format);
    let row = rowStart;
    for await (const batch of opened.read({ rowStart, rowEnd, columns: map.columns })) {
      const chunk = new InputChunk(batch, row, map.inputs);
      row += chunk.rows;
      yield { chunk, file: file.path };
    }
  }
}
