import { present } from "../core/assert.ts";
import { featureOf, stepKindOf } from "../domain/features.ts";
import { localPathOf } from "../domain/location.ts";
import type { StepBinding } from "../domain/step-binding.ts";
import type { OpenStepOptions, Step } from "./step.ts";

/** Opens a step on the machine that maps rows and has the step's files. The caller disposes it. */
export async function openStep(binding: StepBinding, given: Omit<OpenStepOptions, "paths">): Promise<Step> {
  const paths = binding.files.map(({ location }) => localPathOf(location));
  const options = { ...given, paths };
  switch (binding.op.kind) {
    case "sql": {
      // Loaded only if there is SQL, because loading takes a tenth of a second.
      const { openSqlStep } = await import("./sql-step.ts");
      return openSqlStep(binding, binding.op, options);
    }
    case "feature":
      return await featureOf(binding.op.feature).openStep(binding, binding.op, given.stores);
    case "extension":
      return await stepKindOf(binding.op.step).open(binding, binding.op.data, options);
    case "model":
      return await present(given.openModel, "models run where their lanes are")(binding.op.stage);
  }
}
