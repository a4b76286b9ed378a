import { rm } from "node:fs/promises";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { BadRow, DatasetFile } from "../../shared/dataset/dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import type { Batch } from "../batch/batch.ts";
import { UnreadableRows } from "../read/unreadable-rows.ts";
import { stepRows } from "../steps/failed-rows.ts";
import { StepChain } from "../steps/step-chain.ts";
import { InputChunk } from "../tensorize/input-chunk.ts";
import type { Comparison, ModelPair } from "./model-pair.ts";
import { openCpuStage, type StageModel } from "./open-cpu-stage.ts";
import { sampleBatches } from "./sample-batches.ts";

export interface Sample {
  readonly map: MapBinding;
  readonly stores: JobStores;
  /** Models of earlier stages, which run on the CPU. Default: there are none. */
  readonly stages?: readonly StageModel[];
  /** Rows to compare. */
  readonly slices: readonly LeaseSlice[];
  readonly open: (file: InputFile) => Promise<Pick<DatasetFile, "read"> & Disposable>;
  /** See `AccuracyLimits`. */
  readonly tolerance: number;
  /** Time limit after which no further batch runs. The first batch always runs. */
  readonly limitMs: number;
}

/** Runs both models of a pair on the sample, batch by batch. Tensors are made as in a worker. */
export async function compareSample(
  pair: ModelPair,
  sample: Sample,
  nowMs: () => number,
): Promise<Comparison> {
  const endMs = nowMs() + sample.limitMs;
  await using steps = await openSteps(sample);
  for await (const { batch, path } of batchesOf(pair, sample, steps.chain)) {
    await pair.compare(batch, path);
    if (nowMs() > endMs || pair.isFull) break;
  }
  return pair.finish(sample.tolerance);
}

/**
 * Opens the steps that prepare rows, with a scratch folder. The chain is null when the job has no such steps.
 */
async function openSteps({
  map: { prepare },
  stores,
  stages = [],
}: Sample): Promise<AsyncDisposable & { chain: StepChain | null }> {
  if (prepare.length === 0) return { chain: null, [Symbol.asyncDispose]: async () => {} };
  const scratchPath = await makeTempFolder("check");
  const removeScratch = () => rm(scratchPath, { recursive: true, force: true });
  try {
    const openModel = (stage: number) => openCpuStage(present(stages[stage], "a step names a stage"));
    const chain = await StepChain.open(prepare, { scratchPath, stores, openModel });
    const close = async () => {
      await chain[Symbol.asyncDispose]();
      await removeScratch();
    };
    return { chain, [Symbol.asyncDispose]: close };
  } catch (error) {
    await removeScratch();
    throw error;
  }
}

async function* batchesOf(
  pair: ModelPair,
  { map, slices, open }: Sample,
  steps: StepChain | null,
): AsyncGenerator<{ readonly batch: Batch; readonly path: string }> {
  for (const { file, rowStart, rowEnd } of slices) {
    using opened = await open(file);
    let row = rowStart;
    const unreadable = new UnreadableRows();
    const onBadRow = (bad: BadRow) => unreadable.note(bad.row, bad.message);
    for await (const read of opened.read({
      rowStart,
      rowEnd,
      columns: map.columns,
      onBadRow,
      signal: NEVER,
    })) {
      const origin = { sourceStart: row, sourceEnd: row + read.numRows };
      const failed = unreadable.take(origin.sourceStart, origin.sourceEnd);
      const rows = { batch: read, sources: null, failed, noted: NO_NOTED_ROWS };
      const { batch: prepared, ...stepped } =
        steps === null ? rows : await stepRows(rows, (given) => steps.run(given, NEVER));
      const chunk = new InputChunk(prepared, row, map.inputs, { ...origin, ...stepped });
      row = origin.sourceEnd;
      for (const batch of sampleBatches(chunk, map, pair.isUntried)) yield { batch, path: file.path };
    }
  }
}
