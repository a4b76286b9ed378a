import { type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { FEATURES, INPUTS, loadInputPlanners } from "../../../shared/domain/features.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import type { InputPart } from "../../../shared/extension/step-part.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { fieldsBehind } from "../steps/plan-steps.ts";
import { featureInput } from "./feature-input.ts";
import type { InputSpecs, InputStep, InputStepContext } from "./input-step.ts";

const INPUT_STEPS: readonly InputStep[] = [...FEATURES.map(featureInput), ...INPUTS.map(madeInput)];

/**
 * Plans the steps of computed inputs, in the order of the inputs, and returns the inputs after these steps.
 * Settings that the job omits come from the model's folder.
 *
 * @throws {SPEC_INVALID} with the problems of all inputs
 */
export async function planInputSteps(
  inputs: InputSpecs,
  context: InputStepContext,
): Promise<{ readonly steps: readonly StepBinding[]; readonly inputs: InputSpecs }> {
  const steps: StepBinding[] = [];
  const planners = [...(await loadInputPlanners()).values()];
  const { fields, folder, signature } = context;
  const known = { fields, folder, tensors: signature.inputs, hasSteps: false };
  const problems: Problem[] = planners.flatMap((planner) => planner.unnamed(inputs, context));
  const requested = planners.reduce((made, planner) => planner.withFolder(made, known), inputs);
  problems.push(...planners.flatMap((planner) => planner.stray(requested)));
  let left = requested;
  for (const [name, spec] of Object.entries(requested)) {
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

/** Computes the values of a tensor by the step of an extension. */
function madeInput({ key, loadPlanner, step }: InputPart): InputStep {
  return {
    key,
    plan: async (input, inputs, context) => {
      const planner = await loadPlanner();
      const planned = planner.plan(input, inputs, context);
      if ("problems" in planned) return planned;
      const { inputs: fed, data, ...rest } = planned;
      const where = formatKeyPath(["map", "inputs", input, key]);
      return { step: { where, op: { kind: "extension", step: step.kind, data }, ...rest }, inputs: fed };
    },
  };
}
