import type { FolderSettings } from "../../shared/extension/feature.ts";
import { type FactsResize, type ImageFacts, PILLOW_FILTERS, type Resample } from "./op.ts";
import type { Size } from "./pixels.ts";

/** Defaults of timm's `resolve_data_config` and `transforms_imagenet_eval`. */
const USUAL = {
  interpolation: "bicubic",
  cropPct: 0.875,
  cropMode: "center",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const;

/** Factor of timm's division by 255 before it normalizes. */
const RESCALE = 1 / 255;

/**
 * Reads image facts from the `pretrained_cfg` of timm's `config.json`, by timm's transform for evaluation.
 * The image is scaled to the input's edges divided by `crop_pct`, and the input is cropped from its centre.
 *
 * @param config settings of the model, or null when it is not timm's
 * @param args arguments that the model is made with
 */
export function readTimmImage(config: FolderSettings | null, args: FolderSettings): ImageFacts | null {
  if (config === null) return null;
  const size = readSize(config);
  const made = args.value("img_size");
  const [height, width] = Array.isArray(made) ? made : [made, made];
  if (size !== null && made !== null && (height !== size.height || width !== size.width))
    args.doubt("img_size", "is not the input_size of pretrained_cfg");
  return {
    resize: size === null ? null : readResize(config, size),
    resample: readFilter(config),
    // timm crops with torchvision, which rounds to even.
    crop: size === null ? null : { ...size, round: "halfToEven" },
    rescale: RESCALE,
    mean: byChannel(config, "mean"),
    std: byChannel(config, "std"),
    channels: "rgb",
  };
}

function readSize(config: FolderSettings): Size | null {
  const [channels, height, width, ...more] = config.numbers("input_size") ?? [];
  const isSize = isPixels(height) && isPixels(width) && more.length === 0;
  if (isSize && channels === 3) return { width, height };
  const what = isSize ? "is not of three channels" : "is not channels, a height and a width";
  return config.doubt("input_size", what);
}

function readResize(config: FolderSettings, { width, height }: Size): FactsResize | null {
  const share = config.number("crop_pct") ?? USUAL.cropPct;
  if (share <= 0 || share > 1) return config.doubt("crop_pct", "is not a share of the image");
  const scaled = { width: Math.floor(width / share), height: Math.floor(height / share) };
  switch (config.text("crop_mode") ?? USUAL.cropMode) {
    case "squash":
      return scaled;
    case "center":
      if (scaled.width === scaled.height) return { shortestEdge: scaled.width };
      return config.doubt("input_size", "is not square, and images keep their ratio");
    default:
      return config.doubt("crop_mode", "is an unknown crop mode");
  }
}

function readFilter(config: FolderSettings): Resample | null {
  const name = config.text("interpolation") ?? USUAL.interpolation;
  return (
    PILLOW_FILTERS.find((known) => known === name) ?? config.doubt("interpolation", "is an unknown filter")
  );
}

function byChannel(config: FolderSettings, key: "mean" | "std"): readonly number[] | null {
  const values = config.numbers(key) ?? USUAL[key];
  return values.length === 3 ? values : config.doubt(key, "is not one number for each of three channels");
}

function isPixels(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

/** timm's keys of the facts. */
const KEYS = {
  resize: "crop_pct",
  resample: "interpolation",
  crop: "input_size",
  mean: "mean",
  std: "std",
} as const satisfies Partial<Record<keyof ImageFacts, string>>;

/**
 * Combines the facts of `preprocessor_config.json` and of timm's `config.json`. The former wins, with a doubt
 * for each contradicting key of the latter.
 */
export function agreedImage(
  own: ImageFacts | null,
  timm: ImageFacts | null,
  config: FolderSettings | null,
): ImageFacts | null {
  if (own === null || timm === null || config === null) return own ?? timm;
  for (const part of ["resize", "resample", "crop", "mean", "std"] as const) {
    if (same(part, own) !== same(part, timm))
      config.doubt(KEYS[part], "differs from preprocessor_config.json");
  }
  return own;
}

/** Returns a fact as text for a comparison. Crops that differ in rounding only are equal. */
function same(part: keyof typeof KEYS, facts: ImageFacts): string {
  const value = part === "crop" && facts.crop !== null ? [facts.crop.width, facts.crop.height] : facts[part];
  return JSON.stringify(value);
}
