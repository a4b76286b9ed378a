import type { z } from "zod";
import type { Zod } from "../../../shared/core/zod.ts";
import {
  BIN_VALUES,
  FRAME_PADS,
  FRAME_WINDOWS,
  LOGS,
  MEL_NORMS,
  MEL_SCALES,
  SPECTROGRAM_LAYOUTS,
} from "./op.ts";

/** Libraries whose numbers a spectrogram has. */
export const PRESETS = ["librosa", "torchaudio", "whisper"] as const;

/** Limit of a transform: over a second at 48 kHz. */
const MOST_SAMPLES = 65_536;
const MOST_MELS = 4096;
const MOST_HERTZ = 384_000;

/** Keys of the transform. */
function transformKeys(z: Zod) {
  const samples = z.int().min(1).max(MOST_SAMPLES);
  return {
    preset: z
      .enum(PRESETS)
      .describe(
        "The library whose defaults and numbers the spectrogram has: librosa, torchaudio, or OpenAI's Whisper. All other keys override its defaults.",
      ),
    nFft: samples
      .min(2)
      .exactOptional()
      .describe("Samples of the Fourier transform. Default: 2048 (librosa), 400 (torchaudio, whisper)."),
    winLength: samples
      .exactOptional()
      .describe("Samples of the window in the middle of the transform. Default: `nFft`."),
    hop: samples
      .exactOptional()
      .describe(
        "Samples from the start of one frame to the start of the next. Default: 512, in `stft` a quarter of `winLength` (librosa), half of `winLength` (torchaudio), 160 (whisper).",
      ),
    window: z.enum(FRAME_WINDOWS).exactOptional().describe("The window of a frame. Default: `hann`."),
    pad: z
      .enum(FRAME_PADS)
      .exactOptional()
      .describe(
        "What is before and after the sound, so that the first frame is around its start. `reflect`: the sound in reverse. `none`: nothing, so that all frames are within the sound. Default: `zeros` (librosa), `reflect` (torchaudio, whisper).",
      ),
    dropLast: z
      .boolean()
      .exactOptional()
      .describe("Whether the last frame is dropped. Default: false (librosa, torchaudio), true (whisper)."),
  };
}

/** Keys of what becomes of a transform's values. */
function resultKeys(z: Zod) {
  const number = z.number().min(-1e9).max(1e9);
  return {
    log: z
      .enum(LOGS)
      .exactOptional()
      .describe(
        "The logarithm of the values. `db`: decibels. Default: `none` (librosa, torchaudio), `log10` (whisper with mels).",
      ),
    offset: z
      .number()
      .min(0)
      .max(1e9)
      .exactOptional()
      .describe("With `log`: a number that is added before it. Default: 0."),
    floor: z
      .number()
      .min(0)
      .max(1e9)
      .exactOptional()
      .describe("With `log`: the least value. Lower ones are replaced by it. Default: 1e-10."),
    reference: z
      .enum(["one", "max"])
      .exactOptional()
      .describe(
        "With `log`: the value that becomes 0. `max`: the largest of the spectrogram. Default: `one`.",
      ),
    range: z
      .number()
      .gt(0)
      .max(1e9)
      .exactOptional()
      .describe(
        "With `log`: the distance of the least result from the largest one. Lower results are raised. librosa and torchaudio call this `top_db`. Default: none (librosa, torchaudio), 8 (whisper).",
      ),
    mean: number
      .exactOptional()
      .describe("A number that is subtracted from each result. Default: 0, -4 (whisper)."),
    std: z
      .number()
      .gt(0)
      .max(1e9)
      .exactOptional()
      .describe("A number by which each result is divided, after `mean`. Default: 1, 4 (whisper)."),
  };
}

/** Builds the schema of the keys of `mel`. */
export function melKeys(z: Zod) {
  return {
    ...transformKeys(z),
    ...resultKeys(z),
    values: z
      .enum(["power", "magnitude"])
      .exactOptional()
      .describe("The values that the filters add up. Default: `power`."),
    mels: z
      .int()
      .min(1)
      .max(MOST_MELS)
      .exactOptional()
      .describe("The number of filters. Default: 128 (librosa, torchaudio), 80 (whisper)."),
    fMin: z
      .number()
      .min(0)
      .max(MOST_HERTZ)
      .exactOptional()
      .describe("The lowest frequency in hertz. Default: 0."),
    fMax: z
      .number()
      .gt(0)
      .max(MOST_HERTZ)
      .exactOptional()
      .describe("The highest frequency in hertz. Default: half of the rate."),
    scale: z
      .enum(MEL_SCALES)
      .exactOptional()
      .describe("The mel scale. Default: `slaney` (librosa, whisper), `htk` (torchaudio)."),
    norm: z
      .enum(MEL_NORMS)
      .exactOptional()
      .describe(
        "`slaney`: all filters have one area. `none`: all have one height. Default: `slaney` (librosa, whisper), `none` (torchaudio).",
      ),
  };
}

/** Builds the schema of the keys of `stft`. */
export function stftKeys(z: Zod) {
  return {
    ...transformKeys(z),
    ...resultKeys(z),
    values: z
      .enum(BIN_VALUES)
      .exactOptional()
      .describe(
        "The values of a bin. `complexLast`: its real and imaginary part, one behind the other. `complexFirst`: a spectrogram of real parts and one of imaginary parts. Default: `complexLast` (librosa), `power` (torchaudio, whisper).",
      ),
  };
}

/** Builds the schema of the order of a model's input. */
export function layoutKey(z: Zod) {
  return z
    .enum(SPECTROGRAM_LAYOUTS)
    .exactOptional()
    .describe(
      "`binsFirst`: all frames of a bin together, as in librosa. `framesFirst`: all bins of a frame together. Default: from the model's shape, or else `binsFirst`.",
    );
}

type MelKeys = z.output<z.ZodObject<ReturnType<typeof melKeys>>>;
type StftKeys = z.output<z.ZodObject<ReturnType<typeof stftKeys>>>;

/** Keys of a spectrogram in the job file. */
export type SpectrogramSpec = Partial<Omit<MelKeys, "values">> &
  Pick<MelKeys, "preset"> &
  Pick<StftKeys, "values"> & { readonly layout?: (typeof SPECTROGRAM_LAYOUTS)[number] };
