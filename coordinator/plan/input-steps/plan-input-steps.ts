import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { fieldsBehind } from "../steps/plan-steps.ts";
import { imageInput } from "./image-input.ts";
import type { InputSpecs, InputStep, InputStepContext } from "./input-step.ts";
import { soundInput } from "./sound-input.ts";
import { strayTypes, textInput } from "./text-input.ts";

/** All of them. */
const INPUT_STEPS: readonly InputStep[] = [imageInput, soundInput, textInput];

/**
 * The steps of inputs that are computed, in the order of the inputs, and the inputs behind them.
 *
 * @throws {SPEC_INVALID} with what is wrong with all of them
 */
export async function planInputSteps(
  inputs: InputSpecs,
  context: InputStepContext,
): Promise<{ readonly steps: readonly StepBinding[]; readonly inputs: InputSpecs }> {
  const steps: StepBinding[] = [];
  const problems: Problem[] = [];
  let left = inputs;
  for (const [name, spec] of Object.entries(inputs)) {
    const asked: Readonly<Record<string, unknown>> = spec;
    for (const inputStep of INPUT_STEPS) {
      if (asked[inputStep.key] === undefined) continue;
      const fields = fieldsBehind(steps, context.fields);
      const planned = await inputStep.plan(name, left, { ...context, fields });
      if ("problems" in planned) problems.push(...planned.problems);
      else {
        steps.push(planned.step);
        left = planned.inputs;
      }
    }
  }
  problems.push(...strayTypes(left));
  if (problems.length === 0) return { steps, inputs: left };
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  throw new ShardmillError("SPEC_INVALID", `the inputs of the map have ${count}`, { problems });
}
