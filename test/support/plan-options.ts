import { EXTENSIONS } from "#extensions";

/** Options by which `plan` does not run the model. Without the estimate it never does. */
export const WITHOUT_ESTIMATE: readonly string[] = EXTENSIONS.some(({ name }) => name === "estimate")
  ? ["--no-estimate"]
  : [];
