import type { Extension } from "../../shared/extension/extension.ts";

/** Explanations of error codes. */
export const explain: Extension = {
  name: "explain",
  command: {
    usage: "explain [code]",
    says: "Explain an error code: what happened, why, and what to do",
    follows: "version",
    load: async () => (await import("./command.ts")).explainCommand,
  },
};
