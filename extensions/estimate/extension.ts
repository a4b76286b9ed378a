import type { Extension } from "../../shared/extension/extension.ts";

/** Predictions of a job's run, from a sample of its rows. */
export const estimate: Extension = {
  name: "estimate",
  plan: {
    key: "estimate",
    load: async () => (await import("./plan-estimate.ts")).planEstimate,
  },
};
