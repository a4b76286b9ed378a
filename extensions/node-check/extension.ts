import type { Extension } from "../../shared/extension/extension.ts";

/** Checks that a node, with each of its GPUs, runs jobs as it should. */
export const nodeCheck: Extension = {
  name: "node-check",
  probe: { key: "full", load: async () => (await import("./options.ts")).fullChecks },
};
