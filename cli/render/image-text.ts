import type { EdgeRounding, ImageCrop, ImagePlan } from "../../shared/domain/image-op.ts";

/** What becomes of images, in order: `shortest edge 256 (bilinear), crop 224 x 224, rgb, nchw`. */
export function imageText(plan: ImagePlan): string {
  const { crop, channels, layout, rescale, mean, std, orient } = plan;
  const isPlain = rescale === 1 && mean.every((value) => value === 0) && std.every((value) => value === 1);
  const parts = [
    ...(orient ? [] : ["not turned"]),
    ...(plan.resize === null ? [] : [`${resizeText(plan.resize)} (${plan.resample})`]),
    ...(crop === null ? [] : [cropText(crop)]),
    ...(isPlain ? [] : [`(x * ${rounded(rescale)} - ${listed(mean)}) / ${listed(std)}`]),
    channels,
    layout,
  ];
  return parts.join(", ");
}

/** How the centre is rounded, where it is not rounded down. */
export function cropText({ width, height, round = "down" }: ImageCrop): string {
  return `crop ${width} x ${height}${round === "down" ? "" : " (centre to even)"}`;
}

function resizeText(resize: NonNullable<ImagePlan["resize"]>): string {
  switch (resize.kind) {
    case "exact":
      return `${resize.width} x ${resize.height}`;
    case "shortestEdge":
      return `shortest edge ${resize.pixels}${roundText(resize)}`;
    case "longestEdge":
      return `longest edge ${resize.pixels}${roundText(resize)}, ${resize.place === "center" ? "around" : "beside"} it ${resize.pad}`;
  }
}

function roundText({ round }: { readonly round?: EdgeRounding }): string {
  return round === undefined ? "" : ` (other edge: ${round})`;
}

/** One number where all channels have it. */
function listed(values: readonly number[]): string {
  const texts = values.map(rounded);
  return texts.every((text) => text === texts[0]) ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(4)));
}
