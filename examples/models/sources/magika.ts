import type { ModelSource } from "./model-source.ts";

/** Google's Magika, which classifies files by their bytes. */
export const magika: ModelSource = {
  name: "magika",
  packages: [
    {
      index: "pypi",
      name: "magika",
      version: "1.0.3",
      licence: "Apache-2.0",
      files: [
        {
          inside: "magika/models/standard_v3_3/model.onnx",
          as: "model.onnx",
          sha256: "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
        },
        {
          inside: "magika/models/standard_v3_3/config.min.json",
          as: "config.min.json",
          sha256: "ae24c742205358f6ff6dfd5facb6743fb69743dbba8373e73da58ff0cbd695db",
        },
      ],
    },
  ],
};
