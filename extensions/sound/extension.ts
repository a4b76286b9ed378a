import type { Extension } from "../../shared/extension/extension.ts";
import type { StepPart } from "../../shared/extension/step-part.ts";
import {
  mostSoundBytes,
  mostStepBytes,
  PREPROCESSOR,
  readSoundFacts,
  type SamplesOp,
  type SoundOp,
  samplesOp,
  samplesText,
  soundFactsText,
  soundOp,
  soundText,
  WINDOW_COLUMNS,
} from "./op.ts";
import {
  melSpec,
  type SamplesSpec,
  type SpectrogramStepSpec,
  samplesSpec,
  soundSpec,
  stftSpec,
} from "./spec.ts";

/** Sounds as inputs of models, and as columns: decoded, resampled, and cut into windows. */
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
  steps: [
    {
      key: "sound",
      says: "Turns sounds into a column of samples, for SQL, your own code and models. See [pixels and samples](#pixels-and-samples-as-columns).",
      spec: samplesSpec,
      hasFolder: true,
      loadPlanner: async () => {
        const { planSamples } = await import("./plan-samples.ts");
        return (value, context) => planSamples(value as unknown as SamplesSpec, context);
      },
      step: columnStep("samples"),
    },
    spectrogramStep("mel", melSpec),
    spectrogramStep("stft", stftSpec),
  ],
};

/** Declares the step of a kind of spectrograms. */
function spectrogramStep(kind: "mel" | "stft", spec: StepPart["spec"]): StepPart {
  return {
    key: kind,
    says: "Turns sounds into a column of spectrograms, with their numbers of frames. See [pixels and samples](#pixels-and-samples-as-columns).",
    spec,
    hasFolder: true,
    loadPlanner: async () => {
      const { planSpectrogramStep } = await import("./plan-samples.ts");
      return (value, context) => planSpectrogramStep(kind, value as unknown as SpectrogramStepSpec, context);
    },
    step: columnStep(kind),
  };
}

/** Declares how workers run a step of the job file. */
function columnStep(kind: string): StepPart["step"] {
  return {
    kind,
    data: samplesOp,
    show: (data) => samplesText(data as unknown as SamplesOp),
    mostRowBytes: (data) => mostStepBytes(data as unknown as SamplesOp),
    async open(binding, data, { stores }) {
      const { SoundStep } = await import("./step.ts");
      const op = data as unknown as SamplesOp;
      return new SoundStep(binding, { op, cells: op.cells, maxBytes: op.maxBytes }, stores);
    },
  };
}
