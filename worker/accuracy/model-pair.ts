import { isShardmillError } from "../../shared/core/errors.ts";
import type { OutputAccuracy } from "../../shared/domain/accuracy.ts";
import type { MapBinding, OutputBinding } from "../../shared/domain/map-binding.ts";
import { lengthsIn, neededTensors } from "../../shared/domain/open-dims.ts";
import type { TensorData } from "../../shared/domain/tensor.ts";
import { opOf } from "../../shared/output-ops/output-ops.ts";
import type { Batch } from "../batch/batch.ts";
import { buildFeeds, halve, rowsRun } from "../batch/batch.ts";
import { BufferPool } from "../batch/buffer-pool.ts";
import { RowStates } from "../batch/row-states.ts";
import { numbersOf } from "../collect/numbers.ts";
import { checkTensor } from "../collect/output-writer.ts";
import { OutputComparison } from "./output-comparison.ts";

type Tensors = Readonly<Record<string, TensorData>>;

/** Function that runs a model. The function may take ownership of the feeds. */
type Answering = (feeds: Tensors, outputs: readonly string[]) => Promise<Tensors>;

/** Result of a comparison, without the limits. */
export interface Comparison {
  readonly rows: number;
  readonly failedRows: number;
  readonly outputs: readonly OutputAccuracy[];
}

/**
 * Limit of values held for both models: half a gigabyte of float32. Wide outputs are compared on fewer rows.
 */
const MOST_VALUES = 1 << 27;

/** Returns the tensors from which the job reads an order or a class, sorted by name. */
export function rankedTensors({ outputs }: Pick<MapBinding, "outputs">): readonly string[] {
  const ranked = outputs.filter(({ op }) => opOf(op).isRanked).map(({ tensor }) => tensor);
  return [...new Set(ranked)].sort();
}

/**
 * Two ways to run a model, compared batch by batch. Rows that the reference fails on are skipped: they are
 * dead letters with either model.
 */
export class ModelPair {
  readonly #reference: Answering;
  readonly #other: Answering;
  readonly #map: MapBinding;
  readonly #outputs: readonly OutputBinding[];
  readonly #comparisons: readonly OutputComparison[];
  readonly #pool = new BufferPool(1);
  /** Empty states: each row runs as the first of its parts. */
  readonly #states: RowStates;
  #rows = 0;
  #failedRows = 0;

  constructor(reference: Answering, other: Answering, map: MapBinding) {
    this.#reference = reference;
    this.#other = other;
    this.#map = map;
    this.#states = new RowStates(map.state ?? []);
    const byTensor = new Map(map.outputs.map((output) => [output.tensor, output]));
    this.#outputs = [...byTensor.values()];
    const ranked = new Set(rankedTensors(map));
    this.#comparisons = this.#outputs.map(
      ({ tensor, dtype }) =>
        new OutputComparison({ tensor, ranked: ranked.has(tensor), whole: !dtype.startsWith("float") }),
    );
  }

  /** True before a row was compared. */
  get isUntried(): boolean {
    return this.#rows === 0;
  }

  /** True when the memory limit is reached. */
  get isFull(): boolean {
    return this.#comparisons.reduce((sum, { values }) => sum + values, 0) >= MOST_VALUES;
  }

  /** Compares a batch. A batch that either model fails on is split in halves, down to single rows. */
  async compare(batch: Batch, file: string): Promise<void> {
    const expected = await this.#run(this.#reference, batch);
    const found = expected === null ? null : await this.#run(this.#other, batch);
    if (expected !== null && found !== null) {
      this.#rows += batch.rows;
      this.#add(batch, file, expected, found);
    } else if (batch.rows > 1) {
      for (const half of halve(batch)) await this.compare(half, file);
    } else if (expected !== null) {
      this.#rows += 1;
      this.#failedRows += 1;
    }
  }

  finish(tolerance: number): Comparison {
    const outputs = this.#comparisons.map((comparison) => comparison.finish(tolerance));
    return { rows: this.#rows, failedRows: this.#failedRows, outputs };
  }

  /** Runs a model on its own copy of the feeds, because a lane takes ownership of them. */
  async #run(answering: Answering, batch: Batch): Promise<Tensors | null> {
    const names = [...new Set(neededTensors({ outputs: this.#outputs }))];
    const rows = rowsRun(batch.rows, this.#map);
    try {
      const answer = await answering(buildFeeds(batch, this.#map, this.#pool, this.#states), names);
      const own = this.#outputs.map((output) => [
        output.tensor,
        checkTensor(answer, output, { rows, lengths: batch.lengths }),
      ]);
      return { ...answer, ...Object.fromEntries(own) };
    } catch (error) {
      const own = ["MODEL_FAILED", "MODEL_SHAPE", "OUT_OF_MEMORY"] as const;
      if (own.some((code) => isShardmillError(error, code))) return null;
      throw error;
    }
  }

  #add(batch: Batch, file: string, expected: Tensors, found: Tensors): void {
    const rows = batch.pieces.flatMap(({ chunk, start, end }) =>
      Array.from({ length: end - start }, (_, index) => chunk.sourceOf(start + index)),
    );
    for (const [index, output] of this.#outputs.entries()) {
      const [ours, theirs] = [rowsIn(expected, output, batch), rowsIn(found, output, batch)];
      for (const [at, row] of rows.entries())
        this.#comparisons[index]?.add(ours[at] ?? [], theirs[at] ?? [], { file, row });
    }
  }
}

/** Returns a tensor's values by row of the batch, without padding rows and positions. */
function rowsIn(answer: Tensors, output: OutputBinding, batch: Batch) {
  const tensor = answer[output.tensor];
  if (tensor === undefined) throw new Error(`broken invariant: no output ${output.tensor}`);
  const numbers = numbersOf(tensor);
  const width = numbers.length / Math.max(1, tensor.dims[0] ?? 1);
  const counts = answer[output.open?.lengths ?? ""];
  const lengths = counts === undefined ? null : lengthsIn(counts);
  let at = 0;
  return batch.pieces.flatMap(({ chunk, start, end }) =>
    Array.from({ length: end - start }, (_, index) => {
      const first = at * width;
      at += 1;
      const { sequence, rowValues } = output;
      const counts = sequence === null ? null : chunk.positions?.counts[sequence];
      const positions = sequence === null ? (lengths?.[at - 1] ?? null) : (counts?.[start + index] ?? 0);
      const used = positions === null ? width : Math.min(width, positions * rowValues);
      return numbers.subarray(first, first + used);
    }),
  );
}
