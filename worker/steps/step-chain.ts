import type { RecordBatch } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import type { StepPlan } from "../../shared/domain/step-plan.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, Step } from "../../shared/steps/step.ts";

/** Steps that are open, run one after the other, as one. It is given one record batch at a time. */
export class StepChain implements AsyncDisposable {
  readonly #steps: readonly { readonly plan: StepPlan; readonly step: Step }[];

  private constructor(steps: readonly { readonly plan: StepPlan; readonly step: Step }[]) {
    this.#steps = steps;
  }

  static async open(plans: readonly StepPlan[], options: OpenStepOptions): Promise<StepChain> {
    const steps: { plan: StepPlan; step: Step }[] = [];
    try {
      for (const plan of plans) steps.push({ plan, step: await openStep(plan, options) });
    } catch (error) {
      await new StepChain(steps)[Symbol.asyncDispose]();
      throw error;
    }
    return new StepChain(steps);
  }

  /** @throws whatever a step throws, naming itself */
  async run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null };
    for (const { plan, step } of this.#steps) {
      const next = await applyStep(step, plan, rows.batch, signal);
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
