import type { Problem } from "../../shared/core/errors.ts";
import {
  type Dim,
  formatDims,
  isFixed,
  MAX_ROW_VALUES,
  product,
  type TensorInfo,
} from "../../shared/domain/tensor.ts";
import type { SoundPlan, SoundWindows } from "./op.ts";
import type { SoundSpec } from "./spec.ts";

export interface PlannedSounds {
  readonly plan: SoundPlan;
  /** Dims of the tensor without the batch. Null: each sound has its own length. */
  readonly rowDims: readonly number[] | null;
}

/** @param below keys of `sound` that the problem is under */
export type ReportSound = (below: readonly string[], problem: Omit<Problem, "where">) => void;

/**
 * Fits the job's sound keys to the model's input. Null: they do not fit, and the problems are reported.
 *
 * @param tensor input without its batch
 */
export function planSounds(spec: SoundSpec, tensor: TensorInfo, report: ReportSound): PlannedSounds | null {
  const { rate, channels: requested, normalize = false, maxSeconds } = spec;
  const mix = requested === "mono";
  const channels = mix ? 1 : requested;
  const { dims } = tensor;
  if (rate === undefined) {
    report([], {
      what: "the rate of the model is unknown",
      expected: "`rate`: the model's samples a second, such as 16000",
    });
  }
  const layout =
    spec.layout ?? (dims.at(-1) === channels && dims[0] !== channels ? "channelsLast" : "channelsFirst");
  const isRank = dims.length === 1 ? channels === 1 : dims.length === 2;
  if (!isRank) {
    reportShape(
      tensor,
      channels === 1 ? "one dimension, or two: channels and samples" : "channels and samples",
      report,
    );
    return null;
  }
  const length = dims.length === 1 || layout === "channelsLast" ? dims[0] : dims[1];
  const windows = planWindows(spec, length, report);
  if (windows === "refused" || rate === undefined) return null;
  const plan = { rate, channels, mix, windows, layout, normalize, maxSeconds };
  if (windows === null) return fitsWhole(tensor, plan, report) ? { plan, rowDims: null } : null;
  const samples = windows.context + windows.window;
  const inLayout = { channelsFirst: [channels, samples], channelsLast: [samples, channels] };
  const rowDims = dims.length === 1 ? [samples] : inLayout[layout];
  if (takes(dims, rowDims) && product(rowDims) <= MAX_ROW_VALUES) return { plan, rowDims };
  reportShape(tensor, formatDims(rowDims), report);
  return null;
}

/**
 * Plans windows. Null: a sound is one row.
 *
 * @param length samples that the model takes
 */
export function planWindows(
  { window, hop, context, pad }: SoundSpec,
  length: Dim | undefined,
  report: ReportSound,
): SoundWindows | "refused" | null {
  const ofModel = isFixed(length) ? length - (context ?? 0) : null;
  const samples = window ?? ofModel;
  if (samples === null) {
    const [key] = Object.entries({ hop, context, pad }).flatMap(([name, value]) =>
      value === undefined ? [] : [name],
    );
    if (key === undefined) return null;
    report([key], {
      what: "needs `window`",
      expected: "`window`, because the model's input has no fixed length",
    });
    return "refused";
  }
  if (samples < 1 || (hop ?? 1) > samples) {
    const found = `a window of ${samples} samples, by the model's input`;
    report([samples < 1 ? "context" : "hop"], {
      what: "leaves no samples in a window, or skips samples",
      expected: "less",
      found,
    });
    return "refused";
  }
  return { window: samples, hop: hop ?? samples, context: context ?? 0, pad: pad ?? "zeros" };
}

/** Checks that the model has the samples first, because a sound of its own length is a list of samples. */
function fitsWhole({ name, dims }: TensorInfo, { layout }: SoundPlan, report: ReportSound): boolean {
  if (dims.length === 1 || layout === "channelsLast") return true;
  report([], {
    what: `sounds of their own length do not fit the model's input \`${name}\``,
    expected: "`window`, so that all rows have one length",
    found: `${formatDims(dims)} after the batch`,
    hint: "set `layout: channelsLast` if the model has its channels last",
  });
  return false;
}

/** Reports that rows do not have the model's shape. */
export function reportShape({ name, dims }: TensorInfo, made: string, report: ReportSound): void {
  report([], {
    what: `sounds do not have the shape of the model's input \`${name}\``,
    expected: `${formatDims(dims)} after the batch`,
    found: made,
    hint: "set the shape with `window`, `context`, `channels` or `layout`. For spectrograms, set `mel` or `stft`",
  });
}

function takes(dims: readonly Dim[], rowDims: readonly number[]): boolean {
  return dims.every((dim, at) => !isFixed(dim) || dim === rowDims[at]);
}
