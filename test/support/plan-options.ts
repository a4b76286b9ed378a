import { EXTENSIONS } from "#extensions";

/** Options with which `plan` does not run the model. It never does without the estimate. */
export const WITHOUT_ESTIMATE: readonly string[] = EXTENSIONS.some(({ name }) => name === "estimate")
  ? ["--no-estimate"]
  : [];
