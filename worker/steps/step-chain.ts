import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import type { StepBinding } from "../../shared/domain/step-binding.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, Step } from "../../shared/steps/step.ts";

/** Steps that are open, run one after the other, as one. It is given one record batch at a time. */
export class StepChain implements AsyncDisposable {
  readonly #steps: readonly { readonly binding: StepBinding; readonly step: Step }[];

  private constructor(steps: readonly { readonly binding: StepBinding; readonly step: Step }[]) {
    this.#steps = steps;
  }

  static async open(bindings: readonly StepBinding[], options: OpenStepOptions): Promise<StepChain> {
    const steps: { binding: StepBinding; step: Step }[] = [];
    try {
      for (const binding of bindings) steps.push({ binding, step: await openStep(binding, options) });
    } catch (error) {
      await new StepChain(steps)[Symbol.asyncDispose]();
      throw error;
    }
    return new StepChain(steps);
  }

  /** @throws whatever a step throws, naming itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null };
    for (const { binding, step } of this.#steps) {
      const next = await applyStep(step, binding, rows.batch, signal);
      rows = { batch: next.batch, sources: composed(rows.sources, next.sources) };
    }
    return rows;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { step } of this.#steps) await step[Symbol.asyncDispose]();
  }
}

/** Where rows of the second step came from, in front of the first. */
function composed(first: Uint32Array | null, second: Uint32Array | null): Uint32Array | null {
  if (first === null || second === null) return first ?? second;
  return second.map((row) => present(first[row], "a step's rows come from rows in front of it"));
}
