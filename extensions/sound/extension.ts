import type { Extension } from "../../shared/extension/extension.ts";
import {
  mostSoundBytes,
  readSoundFacts,
  type SoundOp,
  soundFactsText,
  soundOp,
  soundText,
  WINDOW_COLUMNS,
} from "./op.ts";
import { soundSpec } from "./spec.ts";

/** Sounds as inputs of models: decoded, resampled, and cut into windows. */
export const sound: Extension = {
  name: "sound",
  feature: {
    key: "sound",
    files: "sounds",
    says:
      "The column holds sounds, as the bytes of files or as their paths: how they become values. `{}` is all defaults. " +
      "See [sound](#sound).",
    spec: soundSpec,
    folder: {
      file: "preprocessor_config.json",
      keys: ["rate", "normalize"],
      read: readSoundFacts,
      show: soundFactsText,
    },
    data: soundOp,
    loadPlanner: async () => (await import("./planner.ts")).planSoundInput,
    keyColumns: (spec) => ("window" in spec ? WINDOW_COLUMNS : []),
    mostRowBytes: (data) => mostSoundBytes(data as unknown as SoundOp),
    show: (data) => soundText(data as unknown as SoundOp),
    async openStep(columns, { cells, data }, stores) {
      const { SoundStep } = await import("./step.ts");
      return new SoundStep(columns, { cells, op: data as unknown as SoundOp }, stores);
    },
    readRate: async (bytes) => (await import("./decode.ts")).readRate(bytes),
  },
};
