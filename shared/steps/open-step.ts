import type { StepPlan } from "../domain/step-plan.ts";
import type { OpenStepOptions, Step } from "./step.ts";

/** Opens a step where rows are mapped. The caller disposes it. */
export async function openStep(plan: StepPlan, options: OpenStepOptions): Promise<Step> {
  switch (plan.op.kind) {
    case "sql": {
      // Loaded only where there is SQL: it takes a tenth of a second.
      const { openSqlStep } = await import("./sql-step.ts");
      return openSqlStep(plan, plan.op, options);
    }
  }
}
