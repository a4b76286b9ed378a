import type { Extension } from "../../shared/extension/extension.ts";

/** Predictions of what a run of a job would take, from a sample of its rows. */
export const estimate: Extension = {
  name: "estimate",
  plan: {
    key: "estimate",
    load: async () => (await import("./plan-estimate.ts")).planEstimate,
  },
};
