import type { RecordBatch, Schema } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { Lock } from "../../shared/core/lock.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { recordBatchOf } from "../../shared/dataset/record-batch.ts";
import type { StepPlan } from "../../shared/domain/step-plan.ts";
import { applyStep, type SteppedRows } from "../../shared/steps/apply-step.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import type { OpenStepOptions, Step } from "../../shared/steps/step.ts";

/**
 * The steps of a stage, one after the other, as one. Record batches take turns: a step works on one at a
 * time.
 */
export class StepChain implements AsyncDisposable {
  readonly #steps: readonly { readonly plan: StepPlan; readonly step: Step }[];
  readonly #lock = new Lock();
  readonly #schemas = new Map<string, Promise<Schema>>();

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
    const leave = await this.#lock.enter(signal);
    try {
      return await this.#run(batch, signal);
    } finally {
      leave();
    }
  }

  async #run(batch: RecordBatch, signal: AbortSignal): Promise<SteppedRows> {
    let rows: SteppedRows = { batch, sources: null };
    for (const { plan, step } of this.#steps) {
      const next = await applyStep(step, plan, rows.batch, signal);
      rows = { batch: next.batch, sources: composed(rows.sources, next.sources) };
    }
    return rows;
  }

  /** Of the rows behind the steps, where those in front of them are of `schema`: found by a run over none. */
  schemaOf(schema: Schema, signal: AbortSignal): Promise<Schema> {
    const key = schema.fields.map(({ name, type }) => `${name} ${type}`).join("\n");
    const known = this.#schemas.get(key);
    if (known !== undefined) return known;
    const none = recordBatchOf(
      schema,
      0,
      schema.fields.map(({ type }) => gather(type, [])),
    );
    const found = this.run(none, signal).then(({ batch }) => batch.schema);
    found.catch(() => this.#schemas.delete(key));
    this.#schemas.set(key, found);
    return found;
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
