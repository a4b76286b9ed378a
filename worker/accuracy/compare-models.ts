import { present } from "../../shared/core/assert.ts";
import { isShardmillError } from "../../shared/core/errors.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { LeaseSlice } from "../../shared/domain/job.ts";
import type { MapPlan, OutputBinding } from "../../shared/domain/map-plan.ts";
import type { ConvertedPrecision, OutputAccuracy } from "../../shared/domain/precision.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { strictHalf } from "../../shared/onnx/precision/convert-file.ts";
import { createSession, type Session } from "../../shared/onnx/session.ts";
import { createLocalStore } from "../../shared/store/local-store.ts";
import { byteSource } from "../../shared/store/store.ts";
import { type Batch, batchOf, buildFeeds, halve } from "../shard/batch.ts";
import { rowsFirst } from "../shard/batch-axis.ts";
import { BufferPool } from "../shard/buffer-pool.ts";
import { InputChunk } from "../shard/input-chunk.ts";
import { numbersOf } from "../shard/scores.ts";
import { OutputComparison } from "./output-comparison.ts";

/** Plain JSON. */
export interface CompareQuestion {
  readonly original: string;
  readonly converted: string;
  readonly precision: ConvertedPrecision;
  readonly map: MapPlan;
  /** The rows to compare on. */
  readonly slices: readonly LeaseSlice[];
  readonly threads: number;
  /** After this no further rows are read. */
  readonly limitMs: number;
}

export interface Comparison {
  readonly rows: number;
  readonly failedRows: number;
  readonly outputs: readonly OutputAccuracy[];
}

/** What both models run at once: as small as a slow model needs it, since speed is not the question. */
const BATCH_ROWS = 16;

/** Ops that read an order or a class from a tensor. */
const RANKED = new Set<OutputBinding["op"]>(["argmax", "topK", "softmax", "maxSoftmax"]);

/**
 * Runs two models on the CPU over rows of a job, made into tensors as a worker makes them, and compares what they answer.
 * Rows that the original fails on, too, are left out: they are dead letters of either. For a process that may be ended.
 */
export async function compareModels(question: CompareQuestion, nowMs: () => number): Promise<Comparison> {
  const { threads, map } = question;
  await using original = await createSession(question.original, { device: "cpu", threads });
  await using converted = await openConverted(question);
  const pair = new ModelPair(original, converted, map);
  const endMs = nowMs() + question.limitMs;
  for await (const chunk of readChunks(question)) {
    for (const batch of batchesOf(chunk, map)) {
      if (nowMs() > endMs) return pair.finish();
      await pair.compare(batch);
    }
  }
  return pair.finish();
}

/** On the CPU float16 is not what it is elsewhere: its twin for checking rounds and overflows as it does on a GPU. */
async function openConverted({ original, converted, precision, threads }: CompareQuestion): Promise<Session> {
  if (precision !== "fp16") return createSession(converted, { device: "cpu", threads });
  return createSession(await strictHalf(original), { device: "cpu", threads, optimize: false });
}

async function* readChunks({ slices, map }: CompareQuestion): AsyncGenerator<InputChunk> {
  await using store = createLocalStore();
  let row = 0;
  for (const { file, rowStart, rowEnd } of slices) {
    using opened = await openDatasetFile(byteSource(store, file.path, file.bytes), file.format);
    for await (const batch of opened.read({ rowStart, rowEnd, columns: map.columns })) {
      const chunk = new InputChunk(batch, row, map.inputs);
      row += chunk.rows;
      yield chunk;
    }
  }
}

/** Rows that nothing may be added to run one by one. */
function* batchesOf(chunk: InputChunk, { inputs, fixedBatchRows }: MapPlan): Generator<Batch> {
  const alone = inputs.some(({ uneven }) => uneven !== null && uneven.pad === null);
  const most = alone ? 1 : (fixedBatchRows ?? BATCH_ROWS);
  for (const run of chunk.liveRuns) {
    for (let { start } = run; start < run.end; start += most) {
      yield batchOf([{ chunk, start, end: Math.min(run.end, start + most) }]);
    }
  }
}

type Answer = Readonly<Record<string, TensorData>>;

class ModelPair {
  readonly #original: Session;
  readonly #converted: Session;
  readonly #map: MapPlan;
  readonly #outputs: readonly OutputBinding[];
  readonly #comparisons: readonly OutputComparison[];
  readonly #pool = new BufferPool(1);
  #rows = 0;
  #failedRows = 0;

  constructor(original: Session, converted: Session, map: MapPlan) {
    this.#original = original;
    this.#converted = converted;
    this.#map = map;
    const byTensor = new Map(map.outputs.map((output) => [output.tensor, output]));
    this.#outputs = [...byTensor.values()];
    this.#comparisons = this.#outputs.map(({ tensor, dtype }) => {
      const ranked = map.outputs.some((output) => output.tensor === tensor && RANKED.has(output.op));
      return new OutputComparison({ tensor, ranked, whole: !dtype.startsWith("float") });
    });
  }

  /** A batch that either model fails on is halved, down to the rows that it fails on. */
  async compare(batch: Batch): Promise<void> {
    const feeds = buildFeeds(batch, this.#map, this.#pool);
    const original = await this.#run(this.#original, feeds);
    const converted = original === null ? null : await this.#run(this.#converted, feeds);
    if (original !== null && converted !== null) {
      this.#rows += batch.rows;
      this.#add(batch, original, converted);
    } else if (batch.rows > 1) {
      for (const half of halve(batch)) await this.compare(half);
    } else if (original !== null) {
      this.#rows += 1;
      this.#failedRows += 1;
    }
  }

  finish(): Comparison {
    const outputs = this.#comparisons.map((comparison) => comparison.finish());
    return { rows: this.#rows, failedRows: this.#failedRows, outputs };
  }

  async #run(session: Session, feeds: Answer): Promise<Answer | null> {
    const names = this.#outputs.map(({ tensor }) => tensor);
    try {
      return await session.run(feeds, names);
    } catch (error) {
      if (isShardmillError(error, "MODEL_FAILED") || isShardmillError(error, "OUT_OF_MEMORY")) return null;
      throw error;
    }
  }

  #add(batch: Batch, original: Answer, converted: Answer): void {
    for (const [index, output] of this.#outputs.entries()) {
      const rowsOf = (answer: Answer) => rowsIn(answer, output, batch);
      const [ours, theirs] = [rowsOf(original), rowsOf(converted)];
      for (const [row, values] of ours.entries()) this.#comparisons[index]?.add(values, theirs[row] ?? []);
    }
  }
}

/** A tensor's values by row of the batch, without the rows and steps that were only padding. */
function rowsIn(answer: Answer, output: OutputBinding, batch: Batch) {
  const tensor = rowsFirst(
    present(answer[output.tensor], "a model gives what it is asked for"),
    output.batchAxis,
  );
  const numbers = numbersOf(tensor);
  const width = numbers.length / Math.max(1, tensor.dims[0] ?? 1);
  let at = 0;
  return batch.pieces.flatMap(({ chunk, start, end }) =>
    Array.from({ length: end - start }, (_, index) => {
      const first = at * width;
      at += 1;
      const steps = output.uneven ? (chunk.steps?.counts[start + index] ?? 0) : null;
      const used = steps === null ? width : Math.min(width, steps * output.rowValues);
      return numbers.subarray(first, first + used);
    }),
  );
}
