import { isGroup } from "../../shared/core/is-group.ts";
import type { FolderReader, FolderSettings } from "../../shared/extension/feature.ts";
import { type FactsResize, type ImageFacts, PILLOW_FILTERS, PREPROCESSOR, TIMM_GROUP } from "./op.ts";
import { agreedImage, readTimmImage } from "./timm-facts.ts";

/** Resampling filters by Pillow's numbers. */
const RESAMPLE_NUMBERS: readonly (ImageFacts["resample"] | undefined)[] = PILLOW_FILTERS;

/** Default factor of the library that writes these files. */
const RESCALE = 1 / 255;

/** Supported steps that the file may enable. */
const KNOWN_STEPS: readonly string[] = [
  "do_resize",
  "do_center_crop",
  "do_rescale",
  "do_normalize",
  "do_convert_rgb",
  "do_flip_channel_order",
];

/** Processors whose single number is both edges, and processors whose number is the shorter edge. */
const SQUARE = /^(ViT|DeiT|Beit)(FeatureExtractor|ImageProcessor)/;
const SHORTEST = /^(CLIP|ChineseCLIP)(FeatureExtractor|ImageProcessor)/;

/** Processors whose size is the crop. The shorter edge is scaled to more than the crop. */
const SHARE = /^ConvNext(FeatureExtractor|ImageProcessor)/;

/** The library's rule: images below this size are cropped by a share, larger ones are stretched. */
const SQUEEZED_PIXELS = 384;
const USUAL_SHARE = 224 / 256;

/** Reads the image facts of a model's folder, from the processor's file or timm's group. */
export const readImageFacts: FolderReader = (open) => {
  const timm = open("config.json").group(TIMM_GROUP) === null ? null : open("config.json", TIMM_GROUP);
  const own = readImage(open(PREPROCESSOR));
  const facts = agreedImage(own, readTimmImage(timm, open("config.json", "model_args")), timm);
  return facts === null ? null : { ...facts };
};

/**
 * Reads the conversion of pixels to numbers from `preprocessor_config.json`. Null: the file does not describe
 * images.
 */
function readImage(settings: FolderSettings): ImageFacts | null {
  const isImage = ["image_mean", "do_resize", "image_processor_type", "size"].some(
    (key) => settings.value(key) !== null,
  );
  if (!isImage) return null;
  for (const key of settings.keys) {
    const isOn = key.startsWith("do_") && settings.value(key) === true;
    if (isOn && !KNOWN_STEPS.includes(key)) settings.doubt(key, "is an unknown step");
  }
  const normalizes = settings.flag("do_normalize") !== false;
  const { resize, crop } = readSizes(settings);
  return {
    resize,
    resample: resize === null ? null : readResample(settings),
    crop,
    rescale: settings.flag("do_rescale") === false ? null : (settings.number("rescale_factor") ?? RESCALE),
    mean: normalizes ? channelValues(settings, "image_mean") : null,
    std: normalizes ? channelValues(settings, "image_std") : null,
    channels: settings.flag("do_flip_channel_order") === true ? "bgr" : "rgb",
  };
}

function readSizes(settings: FolderSettings): Pick<ImageFacts, "resize" | "crop"> {
  const resize = settings.flag("do_resize") === false ? null : readResize(settings);
  const isShare = SHARE.test(typeOf(settings)) && resize !== null && "shortestEdge" in resize;
  if (!isShare) return { resize, crop: readCrop(settings) };
  const pixels = resize.shortestEdge;
  const square = { width: pixels, height: pixels };
  if (pixels >= SQUEEZED_PIXELS) return { resize: square, crop: null };
  const share = settings.number("crop_pct") ?? USUAL_SHARE;
  const edge = Math.trunc(pixels / share);
  if (edge >= pixels) return { resize: { shortestEdge: edge }, crop: square };
  return { resize: settings.doubt("crop_pct", "is not a share of the image"), crop: square };
}

function typeOf(settings: FolderSettings): string {
  return settings.text("image_processor_type") ?? settings.text("feature_extractor_type") ?? "";
}

function readResize(settings: FolderSettings): FactsResize | null {
  const size = settings.value("size");
  if (size === null) return null;
  if (isPixels(size)) {
    const type = typeOf(settings);
    if (SHARE.test(type)) return { shortestEdge: size };
    if (SQUARE.test(type)) return { width: size, height: size };
    if (SHORTEST.test(type)) return { shortestEdge: size };
    return settings.doubt("size", "is one number, for the shorter side or for both");
  }
  const { shortest_edge: shortestEdge, width, height, ...others } = isGroup(size) ? size : {};
  if (Object.keys(others).length === 0) {
    if (isPixels(shortestEdge) && width === undefined && height === undefined) return { shortestEdge };
    if (isPixels(width) && isPixels(height) && shortestEdge === undefined) return { width, height };
  }
  return settings.doubt("size", "is neither a shortest_edge nor a width and a height");
}

function readCrop(settings: FolderSettings): ImageFacts["crop"] {
  const crops = settings.flag("do_center_crop");
  const size = settings.value("crop_size");
  if (crops === false || (crops === null && size === null)) return null;
  if (crops === null)
    return settings.doubt("crop_size", "is given, and do_center_crop does not say whether it is used");
  if (isPixels(size)) return { width: size, height: size };
  const { width, height } = isGroup(size) ? size : {};
  return isPixels(width) && isPixels(height)
    ? { width, height }
    : settings.doubt("crop_size", "is not a width and a height");
}

function readResample(settings: FolderSettings): ImageFacts["resample"] {
  const number = settings.number("resample");
  if (number === null) return null;
  return RESAMPLE_NUMBERS[number] ?? settings.doubt("resample", "is an unknown filter");
}

function channelValues(settings: FolderSettings, key: string): readonly number[] | null {
  const values = settings.numbers(key);
  if (values === null || values.length === 1 || values.length === 3) return values;
  return settings.doubt(key, "is not one number for each of three channels");
}

function isPixels(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}
