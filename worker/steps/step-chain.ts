import type { RecordBatch } from "apache-arrow";
import { Slots } from "../../shared/core/slots.ts";
import type { Shard } from "../../shared/domain/shard.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import { waitMsOf } from "../../shared/domain/waiting-steps.ts";
import { applyStep, ofShard, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, Step, StepResult } from "../../shared/steps/step.ts";
import { stepRows } from "./failed-rows.ts";

/** Callback with a step, its input, and its result. */
export type OnStep = (binding: StepBinding, given: RecordBatch, made: SteppedRows) => Promise<void>;

interface ChainOptions extends Omit<OpenStepOptions, "paths"> {
  /** Called after each step, for viewers. */
  readonly onStep?: OnStep;
}

/**
 * Open steps that run one after another, as one step. It takes several record batches concurrently. Those of
 * a step that waits run together. Every other step takes one at a time.
 */
export class StepChain implements AsyncDisposable {
  readonly #steps: readonly { readonly binding: StepBinding; readonly step: Step }[];

  readonly #onStep: OnStep | null;

  private constructor(
    steps: readonly { readonly binding: StepBinding; readonly step: Step }[],
    onStep: OnStep | null,
  ) {
    this.#steps = steps;
    this.#onStep = onStep;
  }

  static async open(bindings: readonly StepBinding[], options: ChainOptions): Promise<StepChain> {
    const steps: { binding: StepBinding; step: Step }[] = [];
    try {
      for (const binding of bindings) {
        const step = await openStep(binding, options);
        steps.push({ binding, step: waitMsOf(binding) === null ? oneAtATime(step) : step });
      }
    } catch (error) {
      await new StepChain(steps, null)[Symbol.asyncDispose]();
      throw error;
    }
    return new StepChain(steps, options.onStep ?? null);
  }

  /**
   * Runs the steps. A row that a step failed on skips later steps, and has nulls in the result.
   *
   * @throws errors of a step, naming the step
   */
  run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    return this.runOf(undefined, batch, signal);
  }

  /** Runs the steps on rows of a shard, as `run` does. Undefined: the rows are of none. */
  async runOf(shard: Shard | undefined, batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null, failed: [], noted: NO_NOTED_ROWS };
    for (const { binding, step } of this.#steps) {
      rows = await stepRows(rows, async (given) => {
        const next = await applyStep(ofShard(step, shard), binding, given, signal);
        await this.#onStep?.(binding, given, next);
        return next;
      });
    }
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { step } of this.#steps) await step[Symbol.asyncDispose]();
  }
}

function oneAtATime(step: Step): Step {
  const slots = new Slots("record batches", { slots: 1, waiting: Number.MAX_SAFE_INTEGER });
  const inTurn = (any: Pick<Step, "run">): Pick<Step, "run"> => ({
    async run(batch, signal): Promise<StepResult> {
      const leave = await slots.take(signal);
      try {
        return await any.run(batch, signal);
      } finally {
        leave();
      }
    },
  });
  return {
    ...inTurn(step),
    ofShard: (shard) => inTurn(ofShard(step, shard)),
    [Symbol.asyncDispose]: () => Promise.resolve(step[Symbol.asyncDispose]()),
  };
}
