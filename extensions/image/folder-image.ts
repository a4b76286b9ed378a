import type { Problem } from "../../shared/core/errors.ts";
import type { FolderDoubt, ModelFolder } from "../../shared/domain/model-folder.ts";
import { channelCount, type ImageFacts } from "./op.ts";
import type { ImageSpec } from "./spec.ts";

/** @param below keys of `image` that the problem is under */
export type ReportImage = (below: readonly string[], problem: Omit<Problem, "where">) => void;

/** Keys of `image` by the corresponding key of the folder's files. */
const KEYS: Readonly<Record<string, readonly (keyof ImageSpec)[]>> = {
  crop_size: ["crop"],
  image_mean: ["mean"],
  image_std: ["std"],
  resample: ["resample"],
  rescale_factor: ["rescale"],
  img_size: ["resize", "crop"],
  input_size: ["resize", "crop"],
  interpolation: ["resample"],
  mean: ["mean"],
  std: ["std"],
};

/**
 * Fills in the keys of `image` that the job omits, from the model's folder. An unclear folder is a problem,
 * because slightly wrong pixels are hard to notice.
 */
export function withFolderImage(
  image: ImageSpec,
  folder: ModelFolder | null,
  report: ReportImage,
): ImageSpec {
  for (const doubt of folder?.doubts ?? []) if (doubt.about === "image") reportDoubt(doubt, image, report);
  const facts = folder?.facts.features.image;
  if (facts === undefined) return image;
  const filled = { ...specOf(facts as unknown as ImageFacts, image), ...image };
  for (const key of ["mean", "std"] as const) {
    const values = filled[key];
    const count = channelCount(filled.channels);
    if (!Array.isArray(values) || values.length === count) continue;
    report([], {
      what: `the model's folder does not have one number for each channel in \`${key}\``,
      expected: `\`${key}\` here: one number, or ${count}`,
      found: String(values.length),
    });
  }
  return filled;
}

function specOf({ resize, crop, resample, rescale, mean, std, channels }: ImageFacts, own: ImageSpec) {
  return {
    ...(resize === null ? {} : { resize }),
    // A longest edge makes squares, which are not cropped.
    ...(crop === null || own.resize?.longestEdge !== undefined ? {} : { crop }),
    ...(resample === null ? {} : { resample }),
    rescale: rescale ?? 1,
    mean: oneOrEach(mean ?? [0]),
    std: oneOrEach(std ?? [1]),
    channels,
  };
}

function oneOrEach(values: readonly number[]): number | number[] {
  const [only] = values;
  return values.length === 1 && only !== undefined ? only : [...values];
}

function reportDoubt({ where, what, found }: FolderDoubt, image: ImageSpec, report: ReportImage): void {
  const keys = KEYS[where.split(": ").at(-1) ?? ""] ?? ["resize"];
  const missing = keys.filter((key) => image[key] === undefined);
  if (missing.length === 0) return;
  report([], {
    what: `the model's folder does not say clearly how images are prepared: ${where} ${what}`,
    expected: `${missing.map((key) => `\`${key}\``).join(" and ")} here`,
    found,
  });
}
