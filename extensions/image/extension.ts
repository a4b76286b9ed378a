import type { Extension } from "../../shared/extension/extension.ts";
import {
  type ImageFacts,
  type ImagePlan,
  imageFactKeys,
  imageFactsSource,
  imageFactsText,
  imageOp,
  imageText,
  mostPixelBytes,
  type PixelsOp,
  pixelsOp,
  pixelsText,
} from "./op.ts";
import { imageSpec, type PixelsSpec, pixelsSpec } from "./spec.ts";

/** Images as inputs of models, and as columns: decoded, scaled, cropped and normalized. */
export const image: Extension = {
  name: "image",
  mapsBy: ["sharp"],
  libraries: [
    {
      serves: "JPEG images",
      feature: "image",
      find: async () =>
        (await import("./native-decoder.ts")).findNative((await import("./turbojpeg.ts")).TURBOJPEG),
    },
    {
      serves: "WebP images",
      feature: "image",
      find: async () => (await import("./native-decoder.ts")).findNative((await import("./webp.ts")).LIBWEBP),
    },
  ],
  feature: {
    key: "image",
    files: "images",
    says: "Turns images into values. The column holds the bytes of image files, or their paths. `{}` uses all defaults. See [images](#images).",
    // All images have one size, so padding is meaningless.
    excludes: ["pad"],
    spec: imageSpec,
    folder: {
      source: imageFactsSource,
      keys: imageFactKeys,
      loadReader: async () => (await import("./facts.ts")).readImageFacts,
      show: (facts) => imageFactsText(facts as unknown as ImageFacts),
    },
    data: imageOp,
    loadPlanner: async () => (await import("./plan-images.ts")).planImageInput,
    keyColumns: () => [],
    mostRowBytes: () => null,
    show: (data) => imageText(data as unknown as ImagePlan),
    async openStep(columns, { cells, data }, stores) {
      const { ImageStep } = await import("./step.ts");
      return new ImageStep(columns, { cells, op: data as unknown as ImagePlan }, stores);
    },
    loadViewer: async () => (await import("./viewer.ts")).viewImages,
    draft: {
      name: /\.(jpe?g|png|webp|gif|tiff?|avif)$/i,
      endings: ["jpg", "jpeg", "png", "webp", "gif", "tif", "tiff"],
      look: async (bytes) => ((await import("./image-format.ts")).isImage(bytes) ? { rate: null } : null),
      loadWays: async () => (await import("./draft.ts")).IMAGE_WAYS,
    },
  },
  steps: [
    {
      key: "image",
      says: "Turns images into columns of pixels and sizes, for SQL, your own code and models. See [pixels and samples](#pixels-and-samples-as-columns).",
      spec: pixelsSpec,
      hasFolder: true,
      loadPlanner: async () => {
        const { planPixels } = await import("./plan-pixels.ts");
        return (value, context) => planPixels(value as unknown as PixelsSpec, context);
      },
      step: {
        kind: "pixels",
        data: pixelsOp,
        show: (data) => pixelsText(data as unknown as PixelsOp),
        mostRowBytes: (data) => mostPixelBytes(data as unknown as PixelsOp),
        async open(binding, data, { stores }) {
          const { PixelsStep } = await import("./pixels-step.ts");
          return new PixelsStep(binding, data as unknown as PixelsOp, stores);
        },
      },
    },
  ],
};
