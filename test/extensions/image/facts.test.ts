import { describe, expect, test } from "vitest";
import { doubts, said } from "../../unit/coordinator/plan/folder/folder-fixtures.ts";

describe("image settings in a model's folder", () => {
  const VIT = {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { height: 224, width: 224 },
    resample: 2,
    do_rescale: true,
    rescale_factor: 0.00392156862745098,
    do_normalize: true,
    image_mean: [0.5, 0.5, 0.5],
    image_std: [0.5, 0.5, 0.5],
  };

  test("resize, crop, rescale and normalization are read from the settings of the processor", () => {
    expect(said({ "preprocessor_config.json": VIT }).facts.features.image).toEqual({
      resize: { width: 224, height: 224 },
      resample: "bilinear",
      crop: null,
      rescale: 0.00392156862745098,
      mean: [0.5, 0.5, 0.5],
      std: [0.5, 0.5, 0.5],
      channels: "rgb",
    });
    const clip = {
      ...VIT,
      size: { shortest_edge: 256 },
      do_center_crop: true,
      crop_size: 224,
      do_normalize: false,
    };
    expect(said({ "preprocessor_config.json": clip }).facts.features.image).toMatchObject({
      resize: { shortestEdge: 256 },
      crop: { width: 224, height: 224 },
      mean: null,
    });
  });

  test.each([
    ["size", { size: 224, image_processor_type: "SomethingImageProcessor" }],
    ["size", { size: { shortest_edge: 800, longest_edge: 1333 } }],
    ["resample", { resample: 4 }],
    ["crop_size", { crop_size: 224 }],
    ["image_mean", { image_mean: [0.5, 0.5] }],
    ["do_pad", { do_pad: true }],
  ])("an unsupported image setting is reported as a doubt: %s in %j", (key, change) => {
    expect(doubts({ "preprocessor_config.json": { ...VIT, ...change } })).toEqual([
      ["image", `preprocessor_config.json: ${key}`],
    ]);
  });

  test("the processor of ConvNeXT crops a share of a larger image, and only resizes to 384 pixels", () => {
    const sizesOf = (change: object) => {
      const preprocessor = { ...VIT, image_processor_type: "ConvNextImageProcessor", ...change };
      const { resize, crop } = said({ "preprocessor_config.json": preprocessor }).facts.features.image ?? {};
      return { resize, crop };
    };
    const crop = { width: 224, height: 224 };
    expect(sizesOf({ size: { shortest_edge: 224 }, crop_pct: 0.95 })).toEqual({
      resize: { shortestEdge: 235 },
      crop,
    });
    const old = { image_processor_type: undefined, feature_extractor_type: "ConvNextFeatureExtractor" };
    expect(sizesOf({ ...old, size: 224 })).toEqual({ resize: { shortestEdge: 256 }, crop });
    const squeezed = { resize: { width: 384, height: 384 }, crop: null };
    expect(sizesOf({ size: { shortest_edge: 384 }, crop_pct: 0.875 })).toEqual(squeezed);
    const wrong = { ...VIT, image_processor_type: "ConvNextImageProcessor", size: 224, crop_pct: 2 };
    expect(doubts({ "preprocessor_config.json": wrong })).toEqual([
      ["image", "preprocessor_config.json: crop_pct"],
    ]);
  });

  test("the type of the processor decides whether a size is for both sides or for the shorter side", () => {
    const resizeOf = (type: string) =>
      said({ "preprocessor_config.json": { ...VIT, size: 224, image_processor_type: type } }).facts.features
        .image?.resize;
    expect(resizeOf("ViTImageProcessorFast")).toEqual({ width: 224, height: 224 });
    expect(resizeOf("CLIPImageProcessor")).toEqual({ shortestEdge: 224 });
  });

  test("the preprocessor of a sound model gives no image settings", () => {
    expect(
      said({ "preprocessor_config.json": { sampling_rate: 16000, do_normalize: true } }).facts.features.image,
    ).toBeUndefined();
  });
});
