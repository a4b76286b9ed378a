import type { Extension } from "../../shared/extension/extension.ts";

/** Single rows on their way through a job. Its name is a word of the language. */
export const tryRows: Extension = {
  name: "try",
  command: {
    usage: "try <job>",
    says: "Show the way of some rows through a job: columns, steps, tensors, outputs; writes nothing",
    follows: "plan",
    load: async () => (await import("./command.ts")).tryCommand,
  },
};
