import type { Extension } from "../../shared/extension/extension.ts";

/** Initial job files, drafted from a model and its data. */
export const init: Extension = {
  name: "init",
  command: {
    usage: "init",
    says: "Write a first job file for a model and its data, with findings as comments",
    follows: "workers",
    load: async () => (await import("./command.ts")).initCommand,
  },
};
