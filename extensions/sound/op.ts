import { formatBytes } from "../../shared/core/units.ts";
import type { Zod } from "../../shared/core/zod.ts";
import { type FileCells, fileCells } from "../../shared/domain/file-cells.ts";
import type { FeatureData } from "../../shared/domain/step-binding.ts";
import type { FolderSettings } from "../../shared/extension/feature.ts";
import {
  countFrames,
  type SpectrogramPlan,
  spectrogramPlan,
  spectrogramText,
  valuesPerFrame,
} from "./spectrogram/op.ts";

/** Layouts of several channels: channel by channel, or sample by sample. */
export const SOUND_LAYOUTS = ["channelsFirst", "channelsLast"] as const;

/** Treatments of an incomplete last window: zeros, the sound from its start, or no such window. */
export const WINDOW_ENDS = ["zeros", "repeat", "drop"] as const;

/** Windows that a sound is cut into, in samples at the model's rate. */
export interface SoundWindows {
  /** Length of a window, without its context. */
  readonly window: number;
  /** Distance from the start of one window to the start of the next. */
  readonly hop: number;
  /** Samples before each window that the model gets with it. The first window has zeros. */
  readonly context: number;
  readonly pad: (typeof WINDOW_ENDS)[number];
}

/** Plan by which a sound becomes values. Plain JSON. */
export interface SoundPlan {
  /** Sample rate that the model wants. */
  readonly rate: number;
  readonly channels: number;
  /**
   * True when all channels are mixed into one. Otherwise a sound needs exactly `channels` channels, or one
   * for all.
   */
  readonly mix: boolean;
  /** Windows of a sound. Null: a sound is one row, of its own length. */
  readonly windows: SoundWindows | null;
  readonly layout: (typeof SOUND_LAYOUTS)[number];
  /** True when the samples of a sound are scaled to mean 0 and variance 1. */
  readonly normalize: boolean;
  /** Spectrogram of each row's samples. Undefined: the row has the samples. */
  readonly spectrogram?: SpectrogramPlan;
  /** Limit of a sound. A longer one is not read to its end. */
  readonly maxSeconds: number;
}

/** Step that turns a column of sounds into a column of samples, or of their spectrograms. */
export interface SoundOp extends SoundPlan {
  /** Column of the values. */
  readonly samples: string;
}

/** Step of the job file that makes columns. */
export interface SamplesOp extends SoundOp {
  readonly cells: FileCells;
  /** Limit of the values of a sound. */
  readonly maxBytes: number;
}

/** Returns the column of the number of frames, behind a column of spectrograms. */
export function framesColumn(samples: string): string {
  return `${samples}_frames`;
}

/** Sound facts of a model's folder. Null: not given. */
export interface SoundFacts {
  readonly rate: number | null;
  readonly normalize: boolean | null;
}

/** File of a model's folder that describes sound preparation. */
export const PREPROCESSOR = "preprocessor_config.json";

/** Reads sound facts. Null: the settings do not describe sounds. */
export function readSoundFacts(settings: FolderSettings): FeatureData | null {
  if (settings.value("sampling_rate") === null) return null;
  const rate = settings.number("sampling_rate");
  const isRate = rate !== null && Number.isInteger(rate) && rate > 0;
  const facts: SoundFacts = {
    rate:
      isRate || rate === null ? rate : settings.doubt("sampling_rate", "is not a number of samples a second"),
    normalize: settings.flag("do_normalize"),
  };
  return { ...facts };
}

/** Builds the schema of a step. */
export function soundOp(z: Zod) {
  const count = z.int().min(0);
  return z.object({
    samples: z.string(),
    rate: count,
    channels: count,
    mix: z.boolean(),
    windows: z.object({ window: count, hop: count, context: count, pad: z.enum(WINDOW_ENDS) }).nullable(),
    layout: z.enum(SOUND_LAYOUTS),
    normalize: z.boolean(),
    spectrogram: spectrogramPlan(z).exactOptional(),
    maxSeconds: z.number(),
  });
}

/** Builds the schema of a step of the job file. */
export function samplesOp(z: Zod) {
  return soundOp(z).extend({ cells: fileCells(z), maxBytes: z.int().min(0) });
}

/** Columns of a window besides its samples: its index, and its seconds in the sound. */
export const WINDOW_COLUMNS = ["part", "start", "end"] as const;

/** Returns the size of the longest sound that is read, in bytes. */
export function mostSoundBytes(plan: SoundPlan): number {
  const { rate, channels, windows, maxSeconds } = plan;
  const samples = Math.ceil(maxSeconds * rate);
  const times = windows === null ? 1 : (windows.context + windows.window) / windows.hop;
  const values = Math.max(samples * channels, valuesOf(plan, samples));
  return values * times * Float32Array.BYTES_PER_ELEMENT;
}

/** Returns the most samples of a sound that fit into a step's limit of bytes. */
export function mostSamples({ channels, spectrogram }: SoundPlan, maxBytes: number): number {
  if (spectrogram !== undefined) return Number.POSITIVE_INFINITY;
  return Math.floor(maxBytes / (channels * Float32Array.BYTES_PER_ELEMENT));
}

/** Returns the bytes of the largest row of a step of the job file, with its samples. */
export function mostStepBytes(op: SamplesOp): number {
  const { rate, maxSeconds, spectrogram, maxBytes } = op;
  const samples = spectrogram === undefined ? 0 : maxSeconds * rate * Float32Array.BYTES_PER_ELEMENT;
  return Math.max(samples, Math.min(maxBytes, mostSoundBytes(op)));
}

/** Returns the number of values in a window, including its context. */
export function valuesPerWindow(plan: ValuesPlan, windows: SoundWindows): number {
  return valuesOf(plan, windows.context + windows.window);
}

/** Part of a plan that determines the number of values. */
type ValuesPlan = Pick<SoundPlan, "channels" | "spectrogram">;

/** Returns the number of values that a row with this many samples has. */
export function valuesOf({ channels, spectrogram }: ValuesPlan, samples: number): number {
  if (spectrogram === undefined) return channels * samples;
  return countFrames(samples, spectrogram) * valuesPerFrame(spectrogram);
}

/**
 * Describes the processing of sounds: `16000 samples a second, mono, windows of 512 behind 64 of context`.
 */
export function soundText(plan: SoundPlan): string {
  const { rate, channels, mix, windows, layout, normalize, spectrogram } = plan;
  const parts = [
    `${rate} samples a second`,
    channels === 1 && mix ? "mono" : `${channels} channels, ${layout}`,
    ...(normalize ? ["normalized"] : []),
  ];
  const made = spectrogram === undefined ? [] : [spectrogramText(spectrogram)];
  if (windows === null) return [...parts, ...made, "a row each"].join(", ");
  const { window, hop, context, pad } = windows;
  const behind = context === 0 ? "" : ` after ${context} of context`;
  const steps = hop === window ? "" : `, one every ${hop}`;
  return [
    ...parts,
    `windows of ${window}${behind}${steps}`,
    ...(pad === "drop" ? ["full windows only"] : []),
    ...made,
  ].join(", ");
}

/** Describes a step of the job file. */
export function samplesText(op: SamplesOp): string {
  return `${soundText(op)}, at most ${formatBytes(op.maxBytes)}`;
}

/** Describes the sound facts of a model's folder. */
export function soundFactsText({ rate, normalize }: FeatureData): string {
  const parts = rate === null ? [] : [`${rate} samples a second`];
  return [...parts, ...(normalize === true ? ["normalized"] : [])].join("; ");
}
