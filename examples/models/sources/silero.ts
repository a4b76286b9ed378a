import type { ModelSource } from "./model-source.ts";

/** Silero VAD 6, which detects speech in 32 ms of sound, given the previous sound. */
export const silero: ModelSource = {
  name: "silero",
  packages: [
    {
      index: "pypi",
      name: "silero-vad",
      version: "6.2.3",
      licence: "MIT",
      files: [
        {
          inside: "silero_vad/data/silero_vad.onnx",
          as: "model.onnx",
          sha256: "1a153a22f4509e292a94e67d6f9b85e8deb25b4988682b7e174c65279d8788e3",
        },
      ],
    },
  ],
};
