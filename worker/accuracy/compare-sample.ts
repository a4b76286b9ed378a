import { rm } from "node:fs/promises";
import { NEVER } from "../../shared/core/abort.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { BadRow, DatasetFile } from "../../shared/dataset/dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import { NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import type { Batch } from "../batch/batch.ts";
import { UnreadableRows } from "../read/unreadable-rows.ts";
import { stepReadable } from "../steps/failed-rows.ts";
import { StepChain } from "../steps/step-chain.ts";
import { InputChunk } from "../tensorize/input-chunk.ts";
import type { Comparison, ModelPair } from "./model-pair.ts";
import { sampleBatches } from "./sample-batches.ts";

export interface Sample {
  readonly map: MapBinding;
  readonly stores: JobStores;
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
  await using steps = await openSteps(sample);
  for await (const { batch, path } of batchesOf(pair, sample, steps.chain)) {
    await pair.compare(batch, path);
    if (nowMs() > endMs || pair.isFull) break;
  }
  return pair.finish(sample.tolerance);
}

/** What prepares the rows, and a folder for it; null where nothing does. */
async function openSteps({
  map: { prepare },
  stores,
}: Sample): Promise<AsyncDisposable & { chain: StepChain | null }> {
  if (prepare.length === 0) return { chain: null, [Symbol.asyncDispose]: async () => {} };
  const scratchPath = await makeTempFolder("check");
  const removeScratch = () => rm(scratchPath, { recursive: true, force: true });
  try {
    const chain = await StepChain.open(prepare, { scratchPath, stores });
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
      const rows =
        steps === null
          ? { batch: read, sources: null, failed, noted: NO_NOTED_ROWS }
          : await stepReadable(read, failed, (readable) => steps.run(readable, NEVER));
      const { batch: prepared, ...stepped } = rows;
      const chunk = new InputChunk(prepared, row, map.inputs, { ...origin, ...stepped });
      row = origin.sourceEnd;
      for (const batch of sampleBatches(chunk, map, pair.isUntried)) yield { batch, path: file.path };
    }
  }
}
