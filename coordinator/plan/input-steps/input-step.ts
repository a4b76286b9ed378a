import type { Problem } from "../../../shared/core/errors.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { StepsContext } from "../steps/plan-steps.ts";

/** By ONNX input, what the job file says of it. */
export type InputSpecs = JobSpec["map"]["inputs"];

export interface InputStepContext extends StepsContext {
  /** The columns in front of it. */
  readonly fields: readonly Field[];
  readonly signature: ModelSignature;
}

/** What an input that is computed becomes: a step, and inputs that are fed by the columns that it makes. */
interface PlannedInputStep {
  readonly step: StepBinding;
  /** All inputs of the job: those that the step feeds name its columns, the others are as they were. */
  readonly inputs: InputSpecs;
}

/**
 * Maker of an input from columns that do not hold it: ids of text, pixels of pictures. It becomes a step
 * behind those of `map.prepare`, whose columns' names begin with `shardmill:`, and the input an ordinary one.
 * Extensions add one by a part `feature` or `input`.
 */
export interface InputStep {
  /** The key of an input that asks for it: `tokenizer`. */
  readonly key: string;
  /**
   * @param input the ONNX input that has the key
   * @param inputs all inputs, as earlier steps left them
   */
  plan(
    input: string,
    inputs: InputSpecs,
    context: InputStepContext,
  ): Promise<PlannedInputStep | { readonly problems: readonly Problem[] }>;
}
