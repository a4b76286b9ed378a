import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { MapPlan } from "../../shared/domain/map-plan.ts";
import type { Batch } from "../batch/batch.ts";
import { InputChunk } from "../tensorize/input-chunk.ts";
import type { Comparison, ModelPair } from "./model-pair.ts";
import { sampleBatches } from "./sample-batches.ts";

export interface Sample {
  readonly map: MapPlan;
  /** The rows to compare on. */
  readonly slices: readonly LeaseSlice[];
  readonly open: (file: InputFile) => Promise<Pick<DatasetFile, "read"> & Disposable>;
  /** See `AccuracyLimits`. */
  readonly tolerance: number;
  /** After this no further batch is run. The first always is. */
  readonly limitMs: number;
}

/** Has both models of a pair answer the rows, made into tensors as a worker makes them, batch by batch. */
export async function compareSample(
  pair: ModelPair,
  sample: Sample,
  nowMs: () => number,
): Promise<Comparison> {
  const endMs = nowMs() + sample.limitMs;
  for await (const { batch, path } of batchesOf(pair, sample)) {
    await pair.compare(batch, path);
    if (nowMs() > endMs || pair.isFull) break;
  }
  return pair.finish(sample.tolerance);
}

async function* batchesOf(
  pair: ModelPair,
  { map, slices, open }: Sample,
): AsyncGenerator<{ readonly batch: Batch; readonly path: string }> {
  for (const { file, rowStart, rowEnd } of slices) {
    using opened = await open(file);
    let row = rowStart;
    for await (const rows of opened.read({ rowStart, rowEnd, columns: map.columns })) {
      const chunk = new InputChunk(rows, row, map.inputs);
      row += chunk.rows;
      for (const batch of sampleBatches(chunk, map, pair.isUntried)) yield { batch, path: file.path };
    }
  }
}
