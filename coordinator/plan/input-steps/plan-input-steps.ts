import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { FEATURES } from "../../../shared/domain/features.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { withKnownTexts } from "../folder/text-defaults.ts";
import { fieldsBehind } from "../steps/plan-steps.ts";
import { featureInput } from "./feature-input.ts";
import type { InputSpecs, InputStep, InputStepContext } from "./input-step.ts";
import { strayTexts, textInput, unnamedTexts } from "./text-input.ts";

/** All of them. */
const INPUT_STEPS: readonly InputStep[] = [...FEATURES.map(featureInput), textInput];

/**
 * The steps of inputs that are computed, in the order of the inputs, and the inputs behind them. What the job
 * leaves to the model's folder is taken from there.
 *
 * @throws {SPEC_INVALID} with what is wrong with all of them
 */
export async function planInputSteps(
  inputs: InputSpecs,
  context: InputStepContext,
): Promise<{ readonly steps: readonly StepBinding[]; readonly inputs: InputSpecs }> {
  const steps: StepBinding[] = [];
  const problems: Problem[] = [...unnamedTexts(inputs, context)];
  const { fields, folder, signature } = context;
  const asked = withKnownTexts(inputs, { fields, folder, tensors: signature.inputs });
  problems.push(...strayTexts(asked));
  let left = asked;
  for (const [name, spec] of Object.entries(asked)) {
    const keys: Readonly<Record<string, unknown>> = spec;
    for (const inputStep of INPUT_STEPS) {
      if (keys[inputStep.key] === undefined) continue;
      const before = fieldsBehind(steps, fields);
      const planned = await inputStep.plan(name, left, { ...context, fields: before });
      if ("problems" in planned) problems.push(...planned.problems);
      else {
        steps.push(planned.step);
        left = planned.inputs;
      }
    }
  }
  if (problems.length === 0) return { steps, inputs: left };
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  throw new ShardmillError("SPEC_INVALID", `the inputs of the map have ${count}`, { problems });
}
