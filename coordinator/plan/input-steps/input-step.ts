import type { Problem } from "../../../shared/core/errors.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { StepsContext } from "../steps/plan-steps.ts";

/** Job file's settings of the inputs, by ONNX input. */
export type InputSpecs = JobSpec["map"]["inputs"];

export interface InputStepContext extends Omit<StepsContext, "tables"> {
  /** Columns that the step reads. */
  readonly fields: readonly Field[];
  readonly signature: ModelSignature;
}

/** A step that computes an input, and the inputs that the step's columns feed. */
interface PlannedInputStep {
  readonly step: StepBinding;
  /** All inputs of the job. Those that the step feeds name its columns, and the others are unchanged. */
  readonly inputs: InputSpecs;
}

/**
 * Maker of an input from columns that do not hold it, such as ids from text, or pixels from pictures. It
 * becomes a step after those of `map.prepare`, and the input becomes an ordinary one. The step's columns have
 * names with the prefix `shardmill:`. Extensions add one by a part `feature` or `input`.
 */
export interface InputStep {
  /** Key of an input that requests it: `tokenizer`. */
  readonly key: string;
  /**
   * Plans the step of an input.
   *
   * @param input ONNX input that has the key
   * @param inputs all inputs, as changed by earlier steps
   */
  plan(
    input: string,
    inputs: InputSpecs,
    context: InputStepContext,
  ): Promise<PlannedInputStep | { readonly problems: readonly Problem[] }>;
}
