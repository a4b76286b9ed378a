import type { Extension } from "../../shared/extension/extension.ts";
import {
  mostSoundBytes,
  PREPROCESSOR,
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
  mapsBy: ["@wasm-audio-decoders/flac", "@wasm-audio-decoders/ogg-vorbis", "mpg123-decoder", "opus-decoder"],
  feature: {
    key: "sound",
    files: "sounds",
    says: "Turns sounds into values. The column holds the bytes of sound files, or their paths. `{}` uses all defaults. See [sound](#sound).",
    spec: soundSpec,
    folder: {
      source: () => PREPROCESSOR,
      keys: () => ["rate", "normalize"],
      loadReader: async () => (open) => readSoundFacts(open(PREPROCESSOR)),
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
    draft: {
      name: /\.(wav|wave|flac|mp3|ogg|oga|opus)$/i,
      endings: ["wav", "flac", "mp3", "ogg", "opus"],
      async look(bytes) {
        const { readRate } = await import("./decode.ts");
        const rate = await readRate(bytes);
        return rate === null ? null : { rate };
      },
      loadWays: async () => (await import("./draft.ts")).SOUND_WAYS,
    },
  },
};
