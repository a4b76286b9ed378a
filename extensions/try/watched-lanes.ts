import { product, type TensorData } from "../../shared/domain/tensor.ts";
import { unpackTexts } from "../../shared/domain/texts.ts";
import { numbersOf } from "../../worker/collect/numbers.ts";
import type { InferResult, Lanes } from "../../worker/lanes/lanes.ts";
import type { BatchRuns } from "../../worker/lanes/run-in-turn.ts";
import { rangeOf } from "./range.ts";
import type { RunTrace, TensorTrace } from "./row-trace.ts";

const MOST_VALUES = 32;

type Tensors = Readonly<Record<string, TensorData>>;

/** Lanes that record their inputs and outputs until the records are taken. */
export class WatchedLanes implements Lanes {
  readonly #lanes: Lanes;
  #runs: RunTrace[] = [];

  constructor(lanes: Lanes) {
    this.#lanes = lanes;
  }

  get count(): number {
    return this.#lanes.count;
  }

  async infer(
    feeds: Tensors,
    outputs: readonly string[],
    runs: BatchRuns | null,
    signal: AbortSignal,
  ): Promise<InferResult> {
    // The trace precedes the call, because a lane takes the buffers.
    const inputs = tracesOf(feeds);
    try {
      const result = await this.#lanes.infer(feeds, outputs, runs, signal);
      this.#runs.push({ inputs, outputs: tracesOf(result.outputs) });
      return result;
    } catch (error) {
      this.#runs.push({ inputs, outputs: [] });
      throw error;
    }
  }

  takeRuns(): readonly RunTrace[] {
    const runs = this.#runs;
    this.#runs = [];
    return runs;
  }
}

function tracesOf(tensors: Tensors): RunTrace["inputs"] {
  return Object.entries(tensors).map(([name, tensor]) => tensorTrace(name, tensor));
}

/** Summarises a tensor in a few numbers. */
function tensorTrace(name: string, tensor: TensorData): TensorTrace {
  const { dtype, dims } = tensor;
  if (dtype === "string") {
    const first = unpackTexts(tensor.data, product(dims)).slice(0, MOST_VALUES);
    return { name, dtype, dims, range: null, notFinite: 0, first };
  }
  const numbers = numbersOf(tensor);
  const { range, finite } = rangeOf(numbers);
  return {
    name,
    dtype,
    dims,
    range,
    notFinite: numbers.length - finite,
    first: Array.from(numbers.subarray(0, MOST_VALUES)),
  };
}
