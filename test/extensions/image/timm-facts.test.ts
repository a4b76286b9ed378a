import { describe, expect, test } from "vitest";
import { fitted } from "../../../extensions/image/fitted.ts";
import { withFolderImage } from "../../../extensions/image/folder-image.ts";
import { planImages } from "../../../extensions/image/plan-images.ts";
import type { ImageSpec } from "../../../extensions/image/spec.ts";
import { imageArray, ValueWriter } from "../../../extensions/image/values.ts";
import { present } from "../../../shared/core/assert.ts";
import { fileSpec } from "../../../shared/domain/features.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import { digestOf, imageFile } from "../../support/image-files.ts";
import { doubts, said } from "../../unit/coordinator/plan/folder/folder-fixtures.ts";
import { pixelsOf } from "./image-fixtures.ts";

interface Timm {
  readonly config: { readonly input_size: readonly number[] };
  /** Results by image: a digest of the cropped pixels, and the first value and the mean of each channel. */
  readonly made: Readonly<
    Record<string, { readonly pixels: string; readonly first: number[]; readonly means: number[] }>
  >;
}

const TIMM: Readonly<Record<string, Timm>> = JSON.parse(imageFile("timm.json").toString("utf8"));

/** Returns the plan of an input's `image`, with the facts of a folder with these files as defaults. */
function planned(files: Readonly<Record<string, unknown>>, dims: readonly number[], image: object = {}) {
  const place = { path: parseLocation("/m"), file: "model.onnx", otherFiles: [], read: [] };
  const problems: string[] = [];
  const report = (_below: readonly string[], { what, expected }: { what: string; expected?: string }) =>
    problems.push(`${what}; expected ${expected}`);
  const { inputs } = mapSpec.parse({ inputs: { x: { image } } });
  const spec = withFolderImage(
    present(fileSpec(present(inputs.x, "x"), "image"), "it has images") as unknown as ImageSpec,
    { ...place, ...said(files) },
    report,
  );
  const found = planImages(spec, { name: "x", dtype: "float32", dims }, report);
  return { plan: found?.plan ?? null, problems };
}

const CFG = {
  ...{ input_size: [3, 224, 224], interpolation: "bicubic", crop_pct: 0.875, crop_mode: "center" },
  ...{ mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
};
const configOf = (cfg: object, more: object = {}) => ({
  "config.json": { architecture: "resnet50", num_classes: 1000, pretrained_cfg: { ...CFG, ...cfg }, ...more },
});

describe("image settings in timm's config.json", () => {
  const cases = Object.entries(TIMM).flatMap(([name, { config, made }]) =>
    Object.entries(made).map(([image, expected]) => ({ name, config, image, expected })),
  );

  test.each(cases)(
    "prepared images equal those of timm's transform in Pillow: $name of $image",
    async (one) => {
      const config = { architecture: "resnet18", pretrained_cfg: one.config };
      const { plan, problems } = planned({ "config.json": config }, one.config.input_size);
      expect(problems).toEqual([]);
      const of = present(plan, "the images fit the model");
      const cut = present(fitted(await pixelsOf(one.image), of), "the image has the size");
      expect(digestOf(cut.data)).toBe(one.expected.pixels);
      const values = imageArray(of, 1);
      new ValueWriter(of).write(cut, values, 0);
      const pixels = cut.width * cut.height;
      for (const channel of [0, 1, 2]) {
        const own = Array.from(values.subarray(channel * pixels, (channel + 1) * pixels));
        expect(own[0]).toBeCloseTo(present(one.expected.first[channel], "a channel"), 5);
        const mean = own.reduce((sum, value) => sum + value, 0) / pixels;
        expect(mean).toBeCloseTo(present(one.expected.means[channel], "a channel"), 5);
      }
    },
  );

  test("image settings are read from config.json only where it is timm's", () => {
    expect(
      said({ "config.json": { architecture: "x", image_size: 224 } }).facts.features.image,
    ).toBeUndefined();
    expect(said(configOf({})).facts).toMatchObject({
      architecture: "resnet50",
      features: {
        image: { resize: { shortestEdge: 256 }, crop: { width: 224, height: 224, round: "halfToEven" } },
      },
    });
  });

  test.each<[string, object, object, string, string]>([
    [
      "unsupported channels",
      { input_size: [1, 224, 224] },
      {},
      "pretrained_cfg: input_size",
      "`resize` and `crop` here",
    ],
    [
      "an incomplete size",
      { input_size: [224] },
      {},
      "pretrained_cfg: input_size",
      "`resize` and `crop` here",
    ],
    ["a crop share of zero", { crop_pct: 0 }, {}, "pretrained_cfg: crop_pct", "`resize` here"],
    ["an unknown crop mode", { crop_mode: "border" }, {}, "pretrained_cfg: crop_mode", "`resize` here"],
    [
      "unequal edges",
      { input_size: [3, 224, 160] },
      {},
      "pretrained_cfg: input_size",
      "`resize` and `crop` here",
    ],
    [
      "an unknown filter",
      { interpolation: "random" },
      {},
      "pretrained_cfg: interpolation",
      "`resample` here",
    ],
    ["a mean of two channels", { mean: [0.5, 0.5] }, {}, "pretrained_cfg: mean", "`mean` here"],
    [
      "another size in model_args",
      {},
      { model_args: { img_size: 384 } },
      "model_args: img_size",
      "`resize` and `crop` here",
    ],
  ])("the job must set the preparation where config.json has %s", (_what, cfg, more, key, expected) => {
    const files = configOf(cfg, more);
    expect(doubts(files)).toEqual([["image", `config.json: ${key}`]]);
    const { problems } = planned(files, [3, 224, 224]);
    expect(problems[0]).toContain(`config.json: ${key}`);
    expect(problems[0]).toContain(`expected ${expected}`);
    const own = {
      resize: { shortestEdge: 256 },
      crop: { width: 224, height: 224 },
      resample: "bicubic",
      mean: 0.5,
    };
    expect(planned(files, [3, 224, 224], own).problems).toEqual([]);
  });

  test("each key that differs from preprocessor_config.json is reported as a doubt", () => {
    const processor = {
      ...{ image_processor_type: "CLIPImageProcessor", size: { shortest_edge: 256 }, resample: 3 },
      ...{ do_center_crop: true, crop_size: 224, image_mean: CFG.mean, image_std: CFG.std },
    };
    const files = { ...configOf({}), "preprocessor_config.json": processor };
    expect(doubts(files)).toEqual([]);
    expect(said(files).facts.features.image).toEqual({
      ...{ resize: { shortestEdge: 256 }, resample: "bicubic", crop: { width: 224, height: 224 } },
      ...{ rescale: 1 / 255, mean: CFG.mean, std: CFG.std, channels: "rgb" },
    });
    const other = configOf({ crop_pct: 0.95, interpolation: "bilinear", std: [0.5, 0.5, 0.5] });
    expect(doubts({ ...other, "preprocessor_config.json": processor })).toEqual([
      ["image", "config.json: pretrained_cfg: crop_pct"],
      ["image", "config.json: pretrained_cfg: interpolation"],
      ["image", "config.json: pretrained_cfg: std"],
    ]);
  });
});

describe("class names in timm's config.json", () => {
  const NAMES = ["n01440764", "n01443537"];
  const labels = (more: object) => said({ "config.json": { num_classes: 2, ...more } }).facts.labels;
  const doubtful = (more: object) => doubts({ "config.json": { num_classes: 2, ...more } });

  test("class names are read from a list or from an object by number", () => {
    expect(labels({ label_names: NAMES })).toEqual(NAMES);
    expect(labels({ label_names: { 1: NAMES[1], 0: NAMES[0] } })).toEqual(NAMES);
    expect(labels({ label_names: NAMES, id2label: { 0: NAMES[0], 1: NAMES[1] } })).toEqual(NAMES);
  });

  test.each([
    [{ label_names: { 0: "a", 2: "c" } }, "label_names"],
    [{ label_names: "imagenet" }, "label_names"],
    [{ label_names: ["a", "b", "c"] }, "num_classes"],
    [{ label_names: NAMES, id2label: { 0: "a", 1: "b" } }, "label_names"],
  ])("contradictory class names are unknown and reported as a doubt: %j", (more, key) => {
    expect(labels(more)).toBeNull();
    expect(doubtful(more)).toEqual([["labels", `config.json: ${key}`]]);
  });
});
