import type { RecordBatch } from "apache-arrow";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { mapNoted, NO_NOTED_ROWS } from "../../shared/steps/noted-rows.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, Step } from "../../shared/steps/step.ts";
import {
  composed,
  type FailedSource,
  failedSources,
  sourceOf,
  withFailed,
  withoutFailed,
} from "./failed-rows.ts";

/** Callback with a step, its input, and its result. */
export type OnStep = (binding: StepBinding, given: RecordBatch, made: SteppedRows) => Promise<void>;

interface ChainOptions extends Omit<OpenStepOptions, "paths"> {
  /** Called after each step, for viewers. */
  readonly onStep?: OnStep;
}

/** Open steps that run one after another, as one step. Takes one record batch at a time. */
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
      for (const binding of bindings) steps.push({ binding, step: await openStep(binding, options) });
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
  async run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null, failed: [], noted: NO_NOTED_ROWS };
    const failed: FailedSource[] = [];
    for (const [index, { binding, step }] of this.#steps.entries()) {
      const next = await applyStep(step, binding, rows.batch, signal);
      await this.#onStep?.(binding, rows.batch, next);
      const before = rows;
      const noted = mapNoted(next.noted, (found, name) =>
        together(
          before.noted[name],
          found.map((row) => sourceOf(before, row)),
        ),
      );
      rows = { ...next, sources: composed(rows.sources, next.sources), noted };
      if (next.failed.length === 0 || index === this.#steps.length - 1) continue;
      failed.push(...failedSources(rows));
      rows = withoutFailed(rows);
    }
    return failed.length === 0 ? rows : withFailed(rows, failed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { step } of this.#steps) await step[Symbol.asyncDispose]();
  }
}

/** Merges two lists of numbers, without duplicates, in order. */
function together(some: readonly number[], others: readonly number[]): readonly number[] {
  if (others.length === 0) return some;
  return [...new Set([...some, ...others])].sort((a, b) => a - b);
}
