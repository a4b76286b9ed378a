import type { FileCells } from "../../shared/domain/file-cells.ts";

/** Whether a row has one channel's values after the other, or each moment's side by side. */
export const SOUND_LAYOUTS = ["channelsFirst", "channelsLast"] as const;

/** Ways to end a sound whose last window is not full: zeros, the sound from its start, or no such window. */
export const WINDOW_ENDS = ["zeros", "repeat", "drop"] as const;

/** How a sound is cut into rows. All are samples at the model's rate. */
export interface SoundWindows {
  /** Of a window, its context not counted. */
  readonly window: number;
  /** From the start of one window to the start of the next. */
  readonly hop: number;
  /** Samples in front of each window that the model sees with it; zeros in front of the first. */
  readonly context: number;
  readonly pad: (typeof WINDOW_ENDS)[number];
}

/** What becomes of a sound before it is values. Plain JSON. */
export interface SoundPlan {
  /** Samples a second that the model wants. */
  readonly rate: number;
  readonly channels: number;
  /** Whether all channels of a sound are put together into one. Else it must have so many, or one for all. */
  readonly mix: boolean;
  /** Null: a sound is one row, of its own length. */
  readonly windows: SoundWindows | null;
  readonly layout: (typeof SOUND_LAYOUTS)[number];
  /** Whether the samples of a sound get mean 0 and variance 1. */
  readonly normalize: boolean;
  /** A longer sound is not read to its end. */
  readonly maxSeconds: number;
}

/** A column of sounds turned into a column of samples. */
export interface SoundOp extends SoundPlan {
  readonly kind: "sound";
  readonly cells: FileCells;
  /** The column that it makes. */
  readonly samples: string;
}

/** What windows of a sound have beside their samples: which one it is, and its seconds in the sound. */
export const WINDOW_COLUMNS = ["part", "start", "end"] as const;

/** What the longest sound that is read becomes. */
export function mostSoundBytes(plan: SoundPlan): number {
  const { rate, channels, windows, maxSeconds } = plan;
  const times = windows === null ? 1 : (windows.context + windows.window) / windows.hop;
  return maxSeconds * rate * channels * times * Float32Array.BYTES_PER_ELEMENT;
}

/** The values of a window, its context among them. */
export function valuesPerWindow({ channels }: Pick<SoundPlan, "channels">, windows: SoundWindows): number {
  return channels * (windows.context + windows.window);
}
