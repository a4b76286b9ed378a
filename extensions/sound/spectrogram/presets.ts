import type { Problem } from "../../../shared/core/errors.ts";
import type { SpectrogramPlan } from "./op.ts";
import type { PRESETS, SpectrogramSpec } from "./spec.ts";

type Preset = (typeof PRESETS)[number];

/** Kinds of spectrograms: bins of the transform, or mel filters over them. */
export type SpectrogramKind = "mel" | "stft";

/** Defaults of a library. */
interface PresetDefaults {
  readonly rate: number;
  readonly nFft: number;
  readonly hop: (kind: SpectrogramKind, winLength: number) => number;
  readonly pad: SpectrogramPlan["pad"];
  readonly stft: SpectrogramPlan["values"];
  readonly mel: Readonly<{ mels: number; scale: "slaney" | "htk"; norm: "slaney" | "none" }>;
}

/**
 * Defaults by library.
 *
 * Source: `librosa.feature.melspectrogram` and `librosa.stft` of librosa 0.11,
 * `torchaudio.transforms.MelSpectrogram` and `Spectrogram` of torchaudio 2.11, `whisper/audio.py` of
 * openai-whisper 20250625.
 */
const DEFAULTS: Readonly<Record<Preset, PresetDefaults>> = {
  librosa: {
    ...{ rate: 22_050, nFft: 2048, pad: "zeros", stft: "complexLast" },
    hop: (kind, winLength) => (kind === "mel" ? 512 : Math.floor(winLength / 4)),
    mel: { mels: 128, scale: "slaney", norm: "slaney" },
  },
  torchaudio: {
    ...{ rate: 16_000, nFft: 400, pad: "reflect", stft: "power" },
    hop: (_kind, winLength) => Math.floor(winLength / 2),
    mel: { mels: 128, scale: "htk", norm: "none" },
  },
  whisper: {
    ...{ rate: 16_000, nFft: 400, pad: "reflect", stft: "power" },
    hop: () => 160,
    mel: { mels: 80, scale: "slaney", norm: "slaney" },
  },
};

/** Seconds of a window that Whisper takes. */
const WHISPER_SECONDS = 30;

/** Returns the rate of a library's defaults. */
export function presetRate(preset: Preset): number {
  return DEFAULTS[preset].rate;
}

/** Returns the samples of the window that a library's models take. Null: any. */
export function presetWindow(preset: Preset, rate: number): number | null {
  return preset === "whisper" ? WHISPER_SECONDS * rate : null;
}

/** Returns the plan of a spectrogram, with the defaults of its preset. */
export function planSpectrogram(kind: SpectrogramKind, spec: SpectrogramSpec, rate: number): SpectrogramPlan {
  const { preset, nFft = DEFAULTS[preset].nFft, winLength = nFft } = spec;
  const { hop, pad, stft, mel } = DEFAULTS[preset];
  const isWhisper = preset === "whisper";
  const { log = isWhisper && kind === "mel" ? "log10" : "none" } = spec;
  const scaled = isWhisper && log === "log10";
  const { fMin = 0, fMax = rate / 2, layout = "binsFirst" } = spec;
  const { mels = mel.mels, scale = mel.scale, norm = mel.norm } = spec;
  return {
    ...{ rate, nFft, winLength, hop: spec.hop ?? Math.max(1, hop(kind, winLength)) },
    ...{
      window: spec.window ?? "hann",
      isRounded: preset === "torchaudio",
      pad: spec.pad ?? pad,
      dropLast: spec.dropLast ?? isWhisper,
    },
    values: spec.values ?? (kind === "mel" ? "power" : stft),
    mel: kind === "mel" ? { mels, fMin, fMax, scale, norm } : null,
    ...{ log, offset: spec.offset ?? 0, floor: spec.floor ?? 1e-10, isToMax: spec.reference === "max" },
    range: spec.range ?? (scaled ? 8 : null),
    ...{ mean: spec.mean ?? (scaled ? -4 : 0), std: spec.std ?? (scaled ? 4 : 1), layout },
  };
}

/** Checks the frequencies of a plan against its rate. Null: they fit. */
export function frequencyProblem({ mel, rate }: SpectrogramPlan): Omit<Problem, "where"> | null {
  const found = mel === null || mel.fMax <= rate / 2 ? (mel?.fMin ?? 0) : mel.fMax;
  if (mel === null || (mel.fMax <= rate / 2 && mel.fMin < mel.fMax)) return null;
  return {
    what: "is beyond the frequencies of the sound",
    expected: `at most half of the rate, ${rate / 2}`,
    found: String(found),
  };
}
