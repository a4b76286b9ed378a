import {
  type Dim,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  product,
  type TensorInfo,
} from "../../shared/domain/tensor.ts";
import type { SoundPlan } from "./op.ts";
import { type PlannedSounds, planWindows, type ReportSound, reportShape } from "./plan-sounds.ts";
import type { SoundSpec } from "./spec.ts";
import {
  countBins,
  countFrames,
  type SpectrogramPlan,
  samplesOfFrames,
  spectrogramDims,
} from "./spectrogram/op.ts";
import { frequencyProblem, planSpectrogram, presetRate, presetWindow } from "./spectrogram/presets.ts";

/**
 * Fits the spectrogram of the job's sound keys to the model's input. Null: it does not fit, and the problems
 * are reported.
 *
 * @param tensor input without its batch
 */
export function planSpectrograms(
  sound: SoundSpec,
  tensor: TensorInfo,
  report: ReportSound,
): PlannedSounds | null {
  const { mel, stft, channels, normalize = false, maxSeconds } = sound;
  const spec = mel ?? stft;
  if (spec === undefined) return null;
  const kind = mel === undefined ? "stft" : "mel";
  const rate = sound.rate ?? presetRate(spec.preset);
  const bare = planSpectrogram(kind, spec, rate);
  const spectrogram = { ...bare, layout: spec.layout ?? layoutFor(bare, tensor.dims) };
  const problem = frequencyProblem(bare);
  if (problem !== null) report([kind], problem);
  const isMono = channels === "mono" || channels === 1;
  if (!isMono)
    report(["channels"], {
      what: "a spectrogram is of one channel",
      expected: "`mono` or 1",
      found: String(channels),
    });
  const frames = dimAt(spectrogram, "frames", tensor.dims);
  const length = isFixed(frames)
    ? samplesOfFrames(frames, spectrogram)
    : (presetWindow(spec.preset, rate) ?? undefined);
  const windows = planWindows(sound, length, report);
  if (windows === "refused" || problem !== null || !isMono) return null;
  const plan: SoundPlan = {
    ...{ rate, channels: 1, mix: channels === "mono", windows, layout: "channelsFirst" },
    ...{ normalize, spectrogram, maxSeconds },
  };
  const samples = windows === null ? null : windows.context + windows.window;
  return fitted(plan, samples === null ? null : countFrames(samples, spectrogram), tensor, report);
}

/** Fits a planned spectrogram to the model's input. @param frames null: each sound has its own number */
function fitted(
  plan: SoundPlan,
  frames: number | null,
  tensor: TensorInfo,
  report: ReportSound,
): PlannedSounds | null {
  const { spectrogram } = plan;
  if (spectrogram === undefined) return null;
  const made = spectrogramDims(spectrogram, frames ?? "frames");
  const { dims } = tensor;
  const { start, end } = withoutOnes(dims, made.length);
  const inner = dims.slice(start, end);
  const isTaken =
    inner.length === made.length && made.every((dim, at) => !isFixed(inner[at]) || dim === inner[at]);
  if (!isTaken || frames === 0) {
    reportShape(tensor, formatDims(made), report);
    return null;
  }
  if (frames === null) {
    // A row of its own length is a list of frames.
    if (made[0] === "frames" && dims.length === made.length) return { plan, rowDims: null };
    report([], {
      what: `spectrograms of their own length do not fit the model's input \`${tensor.name}\``,
      expected: "`window`, so that all rows have one number of frames",
      found: `${formatDims(dims)} after the batch`,
    });
    return null;
  }
  const fixed = made.filter((dim) => typeof dim === "number");
  const [before, after] = [start, dims.length - end].map((count) => Array<number>(count).fill(1));
  const rowDims = [...(before ?? []), ...fixed, ...(after ?? [])];
  if (product(rowDims) <= MAX_ROW_VALUES) return { plan, rowDims };
  reportShape(tensor, formatDims(rowDims), report);
  return null;
}

/** Returns the dimensions `[start, end)` without ones around them, but not fewer than `rank`. */
function withoutOnes(dims: readonly Dim[], rank: number): { readonly start: number; readonly end: number } {
  let start = 0;
  let end = dims.length;
  while (end - start > rank && dims[start] === 1) start += 1;
  while (end - start > rank && dims[end - 1] === 1) end -= 1;
  return { start, end };
}

/** Returns the model's dimension at the place that `dim` has in a spectrogram. */
function dimAt(plan: SpectrogramPlan, dim: Dim, dims: readonly Dim[]): Dim | undefined {
  const made = spectrogramDims(plan, "frames");
  const { start, end } = withoutOnes(dims, made.length);
  return dims.slice(start, end)[made.indexOf(dim)];
}

/** Returns the layout whose bins are where the model has as many. Default: bins first. */
function layoutFor(plan: SpectrogramPlan, dims: readonly Dim[]): SpectrogramPlan["layout"] {
  const bins = countBins(plan);
  const hasBins = (layout: SpectrogramPlan["layout"]) => dimAt({ ...plan, layout }, bins, dims) === bins;
  return hasBins("framesFirst") && !hasBins("binsFirst") ? "framesFirst" : "binsFirst";
}
