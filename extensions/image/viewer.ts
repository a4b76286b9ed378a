import type {
  FeatureViewer,
  FileView,
  Picture,
  Preview,
  PreviewFormat,
} from "../../shared/extension/feature-viewer.ts";
import { ImageDecoder } from "./decode.ts";
import { fitted } from "./fitted.ts";
import { imageOfCell } from "./image-reader.ts";
import type { ImagePlan } from "./op.ts";
import type { Pixels, Size } from "./pixels.ts";
import { pngOf } from "./png.ts";
import { resampled } from "./resample.ts";

/** Shows images before and after preparation, with the code of the step itself. */
export const viewImages: FeatureViewer = async (values, { cells, data }, { storages, preview, signal }) => {
  const op = data as unknown as ImagePlan;
  await using decoder = new ImageDecoder();
  const views: FileView[] = [];
  for (const cell of values) {
    if (cell === null) continue;
    const file = await imageOfCell(cell, cells, { storages, signal });
    if (file.kind === "refused") continue;
    const view = (image: Pixels): FileView => {
      // The next scaling overwrites the pixels of `fitted`.
      const before = pictureOf(image, preview);
      const after = fitted(image, op);
      return { before, after: after === null ? null : pictureOf(after, preview) };
    };
    const decoded = await decoder.decode(file.bytes, op, view, signal);
    if (decoded.kind === "decoded") views.push(decoded.image);
  }
  return views;
};

/** Describes an image, with a small preview if the terminal can show one. */
export function pictureOf(image: Pixels, format: PreviewFormat | null): Picture {
  const { width, height, channels } = image;
  return { width, height, channels, preview: format === null ? null : previewOf(image, format) };
}

function previewOf(image: Pixels, format: PreviewFormat): Preview {
  const size = sizeWithin(image, format);
  const small = resampled(image, size, "bilinear", { x: 0, y: 0, ...size });
  const rgb = small.channels === 3 ? small.data : greyAsRgb(small.data);
  const data = format.kind === "png" ? pngOf(rgb, size) : Buffer.from(rgb);
  return { kind: format.kind, ...size, data: data.toString("base64") };
}

/** Returns the largest size within `most` that keeps the ratio. Images are never enlarged. */
function sizeWithin(image: Size, most: Size): Size {
  const scale = Math.min(1, most.width / image.width, most.height / image.height);
  const scaled = (pixels: number) => Math.max(1, Math.round(pixels * scale));
  return { width: scaled(image.width), height: scaled(image.height) };
}

function greyAsRgb(grey: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(grey.length * 3);
  for (const [at, light] of grey.entries()) rgb.fill(light, at * 3, at * 3 + 3);
  return rgb;
}
