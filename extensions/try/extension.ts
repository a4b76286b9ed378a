import type { Extension } from "../../shared/extension/extension.ts";

/** Traces of single rows through a job. `try` is a reserved word, so the constant has another name. */
export const tryRows: Extension = {
  name: "try",
  command: {
    usage: "try <job>",
    says: "Show how some rows pass through a job: columns, steps, tensors and outputs",
    follows: "plan",
    load: async () => (await import("./command.ts")).tryCommand,
  },
};
