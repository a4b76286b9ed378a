import type { PicturePlace } from "../../shared/boxes/place.ts";
import { halfToEven } from "./half-to-even.ts";
import type { EdgeRounding, ImageCrop, ImagePlan, ImageResize } from "./op.ts";
import type { Region, Size } from "./pixels.ts";

const ROUNDINGS = { floor: Math.floor, round: halfToEven } satisfies Record<EdgeRounding, unknown>;

/** Placement of an image: it is scaled to `scaled`, and `region` of it is used. */
interface Fit {
  readonly scaled: Size;
  readonly region: Region;
  /** Value of each channel outside the image. */
  readonly fill: number;
}

export function fitOf(image: Size, { resize, crop }: Pick<ImagePlan, "resize" | "crop">): Fit {
  const scaled = scaledSize(image, resize);
  if (resize?.kind === "longestEdge") {
    const { pixels, pad, place } = resize;
    const before = (edge: number) => (place === "center" ? halfToEven((pixels - edge) / 2) : 0);
    const region = {
      x: 0 - before(scaled.width),
      y: 0 - before(scaled.height),
      width: pixels,
      height: pixels,
    };
    return { scaled, region, fill: pad };
  }
  const { width, height, round = "down" }: ImageCrop = crop ?? scaled;
  const rounded = { down: Math.floor, halfToEven }[round];
  // A crop larger than the image centres the image. There torchvision does not round to even: the larger half
  // of the border is on the right.
  const startOf = (edge: number, size: number) =>
    round === "halfToEven" && edge < size ? 0 - Math.floor((size - edge) / 2) : rounded((edge - size) / 2);
  const region = { x: startOf(scaled.width, width), y: startOf(scaled.height, height), width, height };
  return { scaled, region, fill: 0 };
}

/**
 * Returns the place of an image in the model's input. YOLOX rounds an edge down, and has one scale for both
 * edges. Ultralytics has a scale for each, as edges are rounded.
 */
export function placeOf(image: Size, plan: Pick<ImagePlan, "resize" | "crop">): PicturePlace {
  const { scaled, region } = fitOf(image, plan);
  const { width, height } = image;
  const { resize } = plan;
  const isOne = resize?.kind === "longestEdge" && resize.round === "floor";
  const one = isOne ? resize.pixels / Math.max(width, height) : null;
  const [scaleX, scaleY] = [one ?? scaled.width / width, one ?? scaled.height / height];
  return { width, height, left: region.x, top: region.y, scaleX, scaleY };
}

function scaledSize({ width, height }: Size, resize: ImageResize | null): Size {
  switch (resize?.kind) {
    case undefined:
      return { width, height };
    case "exact":
      return { width: resize.width, height: resize.height };
    case "shortestEdge": {
      const { pixels, round = "floor" } = resize;
      const other = ROUNDINGS[round]((pixels * Math.max(width, height)) / Math.min(width, height));
      return width < height ? { width: pixels, height: other } : { width: other, height: pixels };
    }
    case "longestEdge": {
      const { pixels, round = "round" } = resize;
      const longest = Math.max(width, height);
      // The order of operations follows each origin: `int(edge * r)` of YOLOX, and Pillow's
      // `ImageOps.contain`.
      const exact = (edge: number) =>
        round === "floor" ? edge * (pixels / longest) : (edge / longest) * pixels;
      const scaled = (edge: number) => Math.max(1, ROUNDINGS[round](exact(edge)));
      return { width: scaled(width), height: scaled(height) };
    }
  }
}
