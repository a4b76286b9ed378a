import { fitOf } from "./fit.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels, Region, Size } from "./pixels.ts";
import { resampled } from "./resample.ts";

/** Scales and crops an image by the plan. Null: the result does not have the model's size. */
export function fitted(image: Pixels, plan: ImagePlan): Pixels | null {
  const { width, height } = fitOf(image, plan).region;
  return width === plan.width && height === plan.height ? scaledPart(image, plan) : null;
}

/** Scales and crops an image by the plan, to any size. */
export function scaledPart(image: Pixels, plan: Pick<ImagePlan, "resize" | "crop" | "resample">): Pixels {
  const { scaled, region, fill } = fitOf(image, plan);
  const inside = overlap(region, scaled);
  const part = resampled(image, scaled, plan.resample, inside);
  if (inside.width === region.width && inside.height === region.height) return part;
  return framed(part, region, { x: inside.x - region.x, y: inside.y - region.y }, fill);
}

function overlap({ x, y, width, height }: Region, size: Size): Region {
  const [left, top] = [Math.max(x, 0), Math.max(y, 0)];
  return {
    x: left,
    y: top,
    width: Math.min(x + width, size.width) - left,
    height: Math.min(y + height, size.height) - top,
  };
}

/** Places an image in a larger, filled one. */
function framed(
  part: Pixels,
  { width, height }: Size,
  { x, y }: Pick<Region, "x" | "y">,
  fill: number,
): Pixels {
  const { channels } = part;
  const data = new Uint8Array(width * height * channels).fill(fill);
  const lineBytes = part.width * channels;
  for (let row = 0; row < part.height; row += 1) {
    const line = part.data.subarray(row * lineBytes, (row + 1) * lineBytes);
    data.set(line, ((y + row) * width + x) * channels);
  }
  return { width, height, channels, data };
}
