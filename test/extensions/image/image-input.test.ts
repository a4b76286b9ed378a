import { describe, expect, it } from "vitest";
import { featureInput } from "../../../coordinator/plan/input-steps/feature-input.ts";
import type { ImageFacts } from "../../../extensions/image/op.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { featureOf } from "../../../shared/domain/features.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { FolderDoubt, ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { Dim, Dtype } from "../../../shared/domain/tensor.ts";
import { flatFeatures } from "../../../shared/wire/codec-steps.ts";

const FIELDS: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "photo", type: { kind: "binary" }, nullable: true },
  { name: "path", type: { kind: "dictionary", values: { kind: "string" } }, nullable: true },
];

interface Case {
  readonly image?: object;
  readonly spec?: object;
  readonly dims?: readonly Dim[];
  readonly dtype?: Dtype;
  readonly folder?: ModelFolder | null;
}

/** Returns a model's folder that specifies the preparation of images. */
function folderWith(image: Partial<ImageFacts>, doubts: readonly FolderDoubt[] = []): ModelFolder {
  const facts: ImageFacts = {
    ...{ resize: null, resample: null, crop: null, rescale: null, mean: null, std: null, channels: "rgb" },
    ...image,
  };
  return {
    ...{ path: parseLocation("/model"), file: "model.onnx", otherFiles: [], read: [], doubts },
    facts: {
      ...{
        architecture: null,
        labels: null,
        multiLabel: false,
        tokenizer: null,
        pooling: null,
      },
      features: { image: { ...facts } },
    },
  };
}

function plan({ image = {}, spec = {}, dims = ["n", 3, 224, 224], dtype = "float32", folder = null }: Case) {
  const { inputs } = mapSpec.parse({
    inputs: { x: { column: "photo", ...spec, image: { folder: "/job", ...image } } },
  });
  const signature = { inputs: [{ name: "x", dtype, dims }], outputs: [], unusable: [] };
  const { signal } = new AbortController();
  return featureInput(featureOf("image")).plan("x", inputs, {
    fields: FIELDS,
    signature,
    folder,
    files: new Map(),
    descriptions: new Map(),
    signal,
  });
}

async function planned(of: Case) {
  const found = await plan(of);
  if ("problems" in found) throw new Error(JSON.stringify(found.problems));
  return { ...found, step: { ...found.step, op: flatFeatures("op", found.step.op) } };
}

async function problems(of: Case) {
  const found = await plan(of);
  return "problems" in found ? found.problems : [];
}

const crop = { width: 224, height: 224 };

describe("an input of images", () => {
  it("the column becomes a step, and the input reads the column that the step makes", async () => {
    const image = { resize: { shortestEdge: 256 }, crop, mean: 0.5, std: [0.1, 0.2, 0.3] };
    const { step, inputs } = await planned({ image, spec: { scale: 2 } });
    const type = { kind: "fixedList", item: { kind: "numeric", type: "float32" }, length: 150_528 };
    const place = { kind: "fixedList", item: { kind: "numeric", type: "float64" }, length: 6 };
    expect(step).toEqual({
      where: "map.inputs.x.image",
      op: {
        ...{ kind: "image", cells: { kind: "bytes" }, resize: { kind: "shortestEdge", pixels: 256 }, crop },
        ...{ resample: "bilinear", channels: "rgb", layout: "nchw", dtype: "float32", rescale: 1 / 255 },
        ...{ mean: [0.5, 0.5, 0.5], std: [0.1, 0.2, 0.3], orient: true, maxPixels: 67_108_864 },
        ...{ width: 224, height: 224 },
      },
      files: [],
      reads: ["photo"],
      columns: [
        ...FIELDS.map((field) => ({ ...field, from: field.name })),
        { name: "shardmill:x", type, nullable: false, from: null },
        { name: "shardmill:x:place", type: place, nullable: false, from: null },
      ],
    });
    expect(inputs.x).toEqual({ column: "shardmill:x", shape: [3, 224, 224], scale: 2, offset: 0 });
  });

  it("texts are read as paths in the folder", async () => {
    const { step } = await planned({ spec: { column: "path" }, image: { crop } });
    expect(step).toMatchObject({ reads: ["path"], op: { cells: { kind: "locations", folder: "/job" } } });
  });

  it.each([
    ["the layout of the model's shape", { dims: ["n", 32, 48, 3] }, [32, 48, 3], "nhwc"],
    ["the model's own size", { dims: ["n", 3, 32, 48] }, [3, 32, 48], "nchw"],
    [
      "a resize where the model's size is open",
      { dims: ["n", "c", "h", "w"], image: { resize: { longestEdge: 64 } } },
      [3, 64, 64],
      "nchw",
    ],
    ["grey images", { dims: ["n", 1, 28, 28], image: { channels: "gray" } }, [1, 28, 28], "nchw"],
    [
      "grey images without a dimension of channels",
      { dims: ["n", 28, 28], image: { channels: "gray" } },
      [28, 28],
      "nchw",
    ],
    ["a batch axis at another position", { dims: [3, "n", 8, 8], spec: { batchAxis: 1 } }, [3, 8, 8], "nchw"],
    ["bytes", { dims: ["n", 8, 8, 3], dtype: "uint8" }, [8, 8, 3], "nhwc"],
  ] as const)("the plan supports %s", async (_name, of, shape, layout) => {
    const { step, inputs } = await planned(of);
    expect(inputs.x?.shape).toEqual(shape);
    expect(step.op).toMatchObject({ layout });
  });

  it("bytes stay unchanged, and `mean` is refused for them", async () => {
    expect((await planned({ dims: ["n", 8, 8, 3], dtype: "uint8" })).step.op).toMatchObject({ rescale: 1 });
    const [problem] = await problems({ dims: ["n", 8, 8, 3], dtype: "uint8", image: { mean: 0.5 } });
    expect(problem).toMatchObject({
      where: "map.inputs.x.image",
      what: expect.stringContaining("do not make bytes"),
    });
  });

  it.each([
    { shortestEdge: 64, round: "round" },
    { longestEdge: 224, round: "floor" },
  ] as const)("the other edge is rounded as the job sets: %o", async (resize) => {
    const { step } = await planned({ image: { resize, ...("shortestEdge" in resize ? { crop } : {}) } });
    expect(step.op).toMatchObject({ resize: { round: resize.round } });
  });

  it("keys missing from the job are read from the model's folder", async () => {
    const folder = folderWith({
      ...{ resize: { shortestEdge: 256 }, crop, resample: "bicubic", rescale: 1 / 256 },
      ...{ mean: [0.5], std: [0.1, 0.2, 0.3], channels: "bgr" },
    });
    const { step } = await planned({ folder, image: { std: 2 } });
    expect(step.op).toMatchObject({
      ...{ resize: { kind: "shortestEdge", pixels: 256 }, crop, resample: "bicubic", channels: "bgr" },
      ...{ rescale: 1 / 256, mean: [0.5, 0.5, 0.5], std: [2, 2, 2] },
    });
    const plain = await planned({ folder: folderWith({}), image: { crop } });
    expect(plain.step.op).toMatchObject({ rescale: 1, mean: [0, 0, 0], std: [1, 1, 1] });
    const square = await planned({ folder, image: { resize: { longestEdge: 224 } } });
    expect(square.step.op).toMatchObject({ crop: null });
  });

  it("a key that is unclear in the model's folder is required in the job", async () => {
    const doubt = {
      about: "image",
      where: "preprocessor_config.json: resample",
      what: "is odd",
      found: "9",
    } as const;
    const folder = folderWith({}, [doubt, { ...doubt, about: "labels" }]);
    expect(await problems({ folder, image: { crop } })).toEqual([
      expect.objectContaining({ where: "map.inputs.x.image", expected: "`resample` here", found: "9" }),
    ]);
    expect(await problems({ folder, image: { crop, resample: "nearest" } })).toEqual([]);
    const grey = folderWith({ mean: [0.1, 0.2, 0.3] });
    expect(await problems({ folder: grey, dims: ["n", 8, 8], image: { channels: "gray" } })).toEqual([
      expect.objectContaining({ expected: "`mean` here: one number, or 1", found: "3" }),
    ]);
  });

  it("all problems are reported at once", async () => {
    const image = { resize: { shortestEdge: 256 } };
    expect(await problems({ image, spec: { column: "id" }, dtype: "int64" })).toEqual([
      expect.objectContaining({
        where: "map.inputs.x.column",
        what: "column `id` holds no images",
        found: "int64",
      }),
      expect.objectContaining({ where: "map.inputs.x.image", found: "`x`: int64" }),
      expect.objectContaining({
        where: "map.inputs.x.image.resize",
        expected: "`crop` with `shortestEdge`",
      }),
    ]);
  });

  it.each([
    [{ image: { crop: { width: 8, height: 9 } } }, "[3, 224, 224] after the batch", "[3, 9, 8], nchw"],
    [{ dims: ["n", 1, 8, 8] }, "[1, 8, 8] after the batch", "[3, 8, 8], nchw"],
    [{ dims: ["n", 12], image: { crop } }, "[12] after the batch", "[3, 224, 224], nchw"],
  ] as const)("a shape that differs from the model's is reported (%#)", async (of, expected, found) => {
    expect(await problems(of)).toEqual([expect.objectContaining({ expected, found })]);
  });

  it("a hint names the layout that the model needs", async () => {
    const [problem] = await problems({
      dims: ["n", 8, 8, 3],
      image: { layout: "nchw", crop: { width: 8, height: 8 } },
    });
    expect(problem).toMatchObject({ hint: "set `layout: nhwc`" });
  });

  it("a size is required where neither the job nor the model has one", async () => {
    const [problem] = await problems({ dims: ["n", 3, "h", "w"] });
    expect(problem).toMatchObject({ expected: "`resize` or `crop`", found: "[3, h, w] after the batch" });
  });

  it("an unknown column is reported", async () => {
    const found = await plan({ spec: { column: "foto" } });
    expect(found).toMatchObject({ problems: [{ where: "map.inputs.x.column", what: "no column `foto`" }] });
  });
});
