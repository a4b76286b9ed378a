import type { z } from "zod";
import type { Zod } from "../../shared/core/zod.ts";
import type { SpecParts } from "../../shared/extension/feature.ts";
import { columnName } from "../../shared/input-sources/input-source.ts";
import { SOUND_LAYOUTS, WINDOW_ENDS } from "./op.ts";
import { checkSpectrogram } from "./spectrogram/check-spectrogram.ts";
import { SPECTROGRAM_LAYOUTS } from "./spectrogram/op.ts";
import type { SpectrogramKind } from "./spectrogram/presets.ts";
import { layoutKey, melKeys, type SpectrogramSpec, stftKeys } from "./spectrogram/spec.ts";

/** Limit of a rate, above that of any microphone or file. */
const MAX_RATE = 768_000;
/** Limit of a window: over an hour at 44.1 kHz. A longer one is a typing error. */
const MAX_WINDOW = 2 ** 28;
const MAX_CHANNELS = 64;
/** Default limit of a sound: 230 MB at 16 kHz. */
const MAX_SECONDS = 3600;
const LONGEST_SECONDS = 1_000_000;

/** Builds the schema of an input's `sound` key in the job file. */
export function soundSpec(z: Zod, { folder, refuse }: SpecParts) {
  const keys = z.strictObject({
    rate: rateKey(z)
      .exactOptional()
      .describe(
        "Samples a second that the model needs. A sound of another rate is resampled. Default: the `sampling_rate` of the model's folder, or else that of the spectrogram's `preset`.",
      ),
    channels: channelsKey(z),
    ...windowKeys(z),
    ...spectrogramKeys(z),
    layout: z
      .enum(SOUND_LAYOUTS)
      .exactOptional()
      .describe(
        "The layout of several channels. `channelsFirst`: one channel after the other. `channelsLast`: the channels of each sample together. Default: from the model's shape, or else `channelsFirst`.",
      ),
    normalize: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether the samples of a sound are scaled to mean 0 and variance 1. Default: the `do_normalize` of the model's folder, or else false.",
      ),
    maxSeconds: secondsKey(z),
    folder: folderKey(folder),
  });
  return keys.superRefine(({ window, hop, mel, stft }, context) => {
    for (const kind of ["mel", "stft"] as const) {
      const spec = kind === "mel" ? mel : stft;
      if (spec !== undefined)
        checkSpectrogram(kind, spec, context, (at, path, what, detail) =>
          refuse(at, [kind, ...path], what, detail),
        );
    }
    if (mel !== undefined && stft !== undefined)
      refuse(context, ["stft"], "excludes `mel`", { expected: "one of both" });
    if (window === undefined || hop === undefined || hop <= window) return;
    refuse(context, ["hop"], "skips samples between the windows", {
      expected: `at most \`window\`, ${window}`,
      found: String(hop),
    });
  });
}

/** Builds the schema of the step `sound` in the job file. */
export function samplesSpec(z: Zod, { folder, maxBytes }: SpecParts) {
  return z.strictObject({
    ...columnKeys(z, "samples"),
    rate: rateKey(z).describe("Samples a second. A sound of another rate is resampled."),
    channels: channelsKey(z),
    layout: z
      .enum(SOUND_LAYOUTS)
      .default("channelsFirst")
      .describe(
        "The layout of several channels. `channelsFirst`: one channel after the other. `channelsLast`: the channels of each sample together. Default: `channelsFirst`.",
      ),
    ...readKeys(z, folder),
    maxBytes,
  });
}

/** Builds the schema of the steps `mel` and `stft` in the job file. */
function spectrogramSpec(
  z: Zod,
  kind: SpectrogramKind,
  { folder, maxBytes, refuse }: SpecParts,
): z.ZodType<SpectrogramStepSpec> {
  return z
    .strictObject({
      ...columnKeys(z, kind),
      rate: rateKey(z)
        .exactOptional()
        .describe("Samples a second. A sound of another rate is resampled. Default: that of the `preset`."),
      ...(kind === "mel" ? melKeys(z) : stftKeys(z)),
      layout: z
        .enum(SPECTROGRAM_LAYOUTS)
        .default("binsFirst")
        .describe(
          "`binsFirst`: all frames of a bin together, as in librosa. `framesFirst`: all bins of a frame together. Default: `binsFirst`.",
        ),
      ...readKeys(z, folder),
      maxBytes,
    })
    .superRefine((spec, context) => checkSpectrogram(kind, spec, context, refuse));
}

/** Builds the schema of the step `mel`. */
export function melSpec(z: Zod, parts: SpecParts) {
  return spectrogramSpec(z, "mel", parts);
}

/** Builds the schema of the step `stft`. */
export function stftSpec(z: Zod, parts: SpecParts) {
  return spectrogramSpec(z, "stft", parts);
}

/** Builds the schemas of the columns of a step. */
function columnKeys(z: Zod, as: string) {
  const more =
    as === "samples" ? "" : " Another one, with `_frames` after its name, has the number of frames.";
  return {
    column: columnName(z).describe("The column of sounds: the bytes of files, or their paths."),
    as: columnName(z)
      .default(as)
      .describe(`The column that is added, a list of float32.${more} Default: \`${as}\`.`),
  };
}

/** Builds the schemas of the keys by which a step reads a sound. */
function readKeys(z: Zod, folder: SpecParts["folder"]) {
  return {
    normalize: z
      .boolean()
      .default(false)
      .describe("Whether the samples of a sound are scaled to mean 0 and variance 1. Default: false."),
    maxSeconds: secondsKey(z),
    folder: folderKey(folder),
  };
}

function rateKey(z: Zod) {
  return z.int().min(1).max(MAX_RATE);
}

function channelsKey(z: Zod) {
  return z
    .union([z.literal("mono"), z.int().min(1).max(MAX_CHANNELS)])
    .default("mono")
    .describe(
      "`mono`: the mean of all channels. A number: the channels of a sound. A sound with one channel repeats it.",
    );
}

function secondsKey(z: Zod) {
  return z
    .number()
    .gt(0)
    .max(LONGEST_SECONDS)
    .default(MAX_SECONDS)
    .describe(
      "Limit of seconds. A longer sound is a dead letter, and is not decoded to its end. A sample takes 4 bytes of memory. For short sounds, a lower limit prepares more of them at once, which is faster.",
    );
}

function folderKey(folder: SpecParts["folder"]) {
  return folder.describe(
    "The folder of relative paths, if the column has paths. It is relative to the job file, in a bucket or on the web. Workers read the files there.",
  );
}

/** Builds the schemas of spectrograms. */
function spectrogramKeys(z: Zod) {
  return {
    mel: z
      .strictObject({ ...melKeys(z), layout: layoutKey(z) })
      .exactOptional()
      .describe("Turns samples into a mel spectrogram. See [spectrograms](#spectrograms)."),
    stft: z
      .strictObject({ ...stftKeys(z), layout: layoutKey(z) })
      .exactOptional()
      .describe(
        "Turns samples into a spectrogram: a short-time Fourier transform. See [spectrograms](#spectrograms).",
      ),
  };
}

/** Builds the schemas of the window keys. */
function windowKeys(z: Zod) {
  const samples = z.int().min(1).max(MAX_WINDOW);
  return {
    window: samples
      .exactOptional()
      .describe(
        "Samples of a window. A sound is cut into windows. Each is a row, with the columns `part` (0, 1, 2), `start` and `end` (seconds). Default: the length of the model's input. Without a fixed length, a sound is one row.",
      ),
    hop: samples
      .exactOptional()
      .describe(
        "With windows: the samples from the start of one window to the start of the next. Default: `window`, so that windows do not overlap.",
      ),
    context: z
      .int()
      .min(0)
      .max(MAX_WINDOW)
      .exactOptional()
      .describe(
        "With windows: the number of samples before each window that the model also gets. Before the first window they are zeros. Default: none.",
      ),
    pad: z
      .enum(WINDOW_ENDS)
      .exactOptional()
      .describe(
        "With windows: how an incomplete last window is filled. `zeros`: with zeros. `repeat`: with the sound from its start, repeatedly. `drop`: the window is dropped. Default: `zeros`.",
      ),
  };
}

export type SoundSpec = z.output<ReturnType<typeof soundSpec>>;
export type SamplesSpec = z.output<ReturnType<typeof samplesSpec>>;

/** Keys of the steps `mel` and `stft`. */
export interface SpectrogramStepSpec
  extends SpectrogramSpec,
    Pick<SamplesSpec, "column" | "as" | "normalize" | "maxSeconds" | "folder" | "maxBytes"> {
  readonly rate?: number;
}
