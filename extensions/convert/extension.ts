import type { Extension } from "../../shared/extension/extension.ts";

/** Models in another precision, as files. */
export const convert: Extension = {
  name: "convert",
  command: {
    usage: "convert <model>",
    says: "Write an ONNX model in another precision, and say what was left alone",
    follows: "workers",
    load: async () => (await import("./command.ts")).convertCommand,
  },
};
