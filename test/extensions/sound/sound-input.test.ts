import { describe, expect, it } from "vitest";
import { featureInput } from "../../../coordinator/plan/input-steps/feature-input.ts";
import type { SoundFacts } from "../../../extensions/sound/op.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { featureOf } from "../../../shared/domain/features.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { mapSpec } from "../../../shared/domain/map-spec.ts";
import type { FolderDoubt, ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { Dim, Dtype } from "../../../shared/domain/tensor.ts";

const FIELDS: readonly Field[] = [
  { name: "id", type: { kind: "numeric", type: "int64" }, nullable: false },
  { name: "audio", type: { kind: "binary" }, nullable: true },
  { name: "path", type: { kind: "string" }, nullable: true },
];

interface Case {
  readonly sound?: object;
  /** Rate in the job file. Null: none. */
  readonly rate?: number | null;
  readonly spec?: object;
  readonly dims?: readonly Dim[];
  readonly dtype?: Dtype;
  readonly folder?: ModelFolder | null;
  readonly fields?: readonly Field[];
}

function folderWith(sound: SoundFacts, doubts: readonly FolderDoubt[] = []): ModelFolder {
  return {
    ...{ path: parseLocation("/model"), file: "model.onnx", otherFiles: [], read: [], doubts },
    facts: {
      ...{ architecture: null, labels: null, multiLabel: false, tokenizer: null, image: null, pooling: null },
      features: { sound: { ...sound } },
    },
  };
}

function plan(of: Case) {
  const { sound = {}, spec = {}, dims = ["n", "t"], dtype = "float32", folder = null, fields = FIELDS } = of;
  const { rate = 16_000 } = of;
  const { inputs } = mapSpec.parse({
    inputs: {
      x: {
        column: "audio",
        ...spec,
        sound: { ...(rate === null ? {} : { rate }), folder: "/job", ...sound },
      },
    },
  });
  const signature = { inputs: [{ name: "x", dtype, dims }], outputs: [], unusable: [] };
  const { signal } = new AbortController();
  return featureInput(featureOf("sound")).plan("x", inputs, {
    fields,
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
  return found;
}

async function problems(of: Case) {
  const found = await plan(of);
  return "problems" in found ? found.problems.map(({ where, what }) => [where, what]) : [];
}

const FLOATS = { kind: "numeric", type: "float32" } as const;

describe("an input of sounds", () => {
  it("each sound is one row where the model's length is open", async () => {
    const { step, inputs } = await planned({});
    expect(step).toEqual({
      where: "map.inputs.x.sound",
      op: {
        ...{ kind: "feature", feature: "sound", cells: { kind: "bytes" } },
        data: {
          ...{ samples: "shardmill:x", rate: 16_000, channels: 1, mix: true, windows: null },
          ...{ layout: "channelsFirst", normalize: false, maxSeconds: 3600 },
        },
      },
      files: [],
      reads: ["audio"],
      columns: [
        ...FIELDS.map((field) => ({ ...field, from: field.name })),
        { name: "shardmill:x", type: { kind: "list", item: FLOATS }, nullable: false, from: null },
      ],
    });
    expect(inputs.x).toEqual({ column: "shardmill:x", scale: 1, offset: 0 });
  });

  it("each window is one row with its place in the sound", async () => {
    const { step, inputs } = await planned({ sound: { window: 512, context: 64 }, spec: { column: "path" } });
    const windows = { window: 512, hop: 512, context: 64, pad: "zeros" };
    expect(step.op).toMatchObject({ data: { windows }, cells: { kind: "locations", folder: "/job" } });
    expect(step.columns.slice(FIELDS.length).map(({ name, type }) => [name, type])).toEqual([
      ["shardmill:x", { kind: "fixedList", item: FLOATS, length: 576 }],
      ["part", { kind: "numeric", type: "int32" }],
      ["start", { kind: "numeric", type: "float64" }],
      ["end", { kind: "numeric", type: "float64" }],
    ]);
    expect(inputs.x).toMatchObject({ column: "shardmill:x", shape: [576] });
  });

  it.each([
    ["the model's own length", { dims: ["n", 800] }, [800], { window: 800 }],
    [
      "the model's length minus the context",
      { dims: ["n", 800], sound: { context: 50 } },
      [800],
      { window: 750 },
    ],
    ["one channel", { dims: ["n", 1, 800] }, [1, 800], { window: 800 }],
    ["two channels", { dims: ["n", 2, "t"], sound: { channels: 2, window: 9 } }, [2, 9], { window: 9 }],
    ["channels last", { dims: ["n", 9, 2], sound: { channels: 2 } }, [9, 2], { window: 9 }],
    ["a batch axis at another position", { dims: [9, "n"], spec: { batchAxis: 1 } }, [9], { window: 9 }],
  ] as const)("the plan supports %s", async (_name, of, shape, windows) => {
    const { step, inputs } = await planned(of);
    expect(inputs.x?.shape).toEqual(shape);
    expect(step.op).toMatchObject({ data: { windows } });
  });

  it("interleaved channels are supported for sounds of open length", async () => {
    const { inputs } = await planned({ dims: ["n", "t", 2], sound: { channels: 2 } });
    expect(inputs.x?.shape).toBeUndefined();
  });

  it.each([
    ["Whisper's frames", { dims: ["n", 80, 3000] }, { preset: "whisper" }, [80, 3000], 480_000],
    [
      "Whisper's window for an open length",
      { dims: ["n", 80, "t"] },
      { preset: "whisper" },
      [80, 3000],
      480_000,
    ],
    ["frames first", { dims: ["n", 1, 101, 40] }, { preset: "torchaudio", mels: 40 }, [1, 101, 40], 20_000],
    ["a channel in front", { dims: ["n", 1, 40, 11] }, { preset: "librosa", mels: 40 }, [1, 40, 11], 5120],
    ["a channel behind", { dims: ["n", 40, 11, 1] }, { preset: "librosa", mels: 40 }, [40, 11, 1], 5120],
    [
      "frames within the sound",
      { dims: ["n", 40, 11] },
      { preset: "librosa", mels: 40, pad: "none" },
      [40, 11],
      7168,
    ],
  ] as const)("the plan makes mel spectrograms: %s", async (_name, of, mel, shape, window) => {
    const { step, inputs } = await planned({ ...of, rate: null, sound: { mel } });
    expect(inputs.x?.shape).toEqual(shape);
    expect(step.op).toMatchObject({ data: { windows: { window }, spectrogram: { mel: {} } } });
    const { type } = step.columns.find(({ name }) => name === "shardmill:x") ?? {};
    expect(type).toMatchObject({ length: shape.reduce<number>((size, dim) => size * dim, 1) });
  });

  it.each([
    ["complex values behind", [201, 9, 2], { values: "complexLast" }],
    ["complex values in front", [2, 201, 9], { values: "complexFirst" }],
    ["frames first", [9, 201], {}],
  ] as const)("the plan makes other spectrograms: %s", async (_name, shape, keys) => {
    const stft = { preset: "torchaudio", ...keys };
    const { inputs } = await planned({ dims: ["n", ...shape], sound: { stft } });
    expect(inputs.x?.shape).toEqual(shape);
  });

  it("a spectrogram of a whole sound is a row where the model has the frames first", async () => {
    const sound = { mel: { preset: "librosa", layout: "framesFirst" } } as const;
    const { step, inputs } = await planned({ dims: ["n", "t", 128], sound });
    expect(inputs.x?.shape).toBeUndefined();
    expect(step.op).toMatchObject({ data: { windows: null, spectrogram: { layout: "framesFirst" } } });
    expect(await problems({ dims: ["n", 128, "t"], sound: { mel: { preset: "librosa" } } })).toEqual([
      ["map.inputs.x.sound", expect.stringContaining("spectrograms of their own length")],
    ]);
  });

  it.each([
    ["other mels", { dims: ["n", 64, 100] }, ".sound", "do not have the shape"],
    ["too few dimensions", { dims: ["n", 80] }, ".sound", "do not have the shape"],
    [
      "two channels",
      { dims: ["n", 80, 100], sound: { channels: 2 } },
      ".sound.channels",
      "is of one channel",
    ],
    [
      "frequencies beyond the rate",
      { dims: ["n", 80, 100], sound: { mel: { preset: "whisper", fMax: 9000 } } },
      ".sound.mel",
      "is beyond the frequencies",
    ],
  ] as const)("the plan refuses spectrograms with %s", async (_name, of, below, what) => {
    const sound = { mel: { preset: "whisper" }, ...("sound" in of ? of.sound : {}) };
    expect(await problems({ ...of, sound })).toEqual([
      [`map.inputs.x${below}`, expect.stringContaining(what)],
    ]);
  });

  it.each([
    [{ mel: { preset: "librosa", nFft: 262 } }, "mel.nFft", "large prime factor"],
    [{ mel: { preset: "torchaudio", winLength: 401 } }, "mel.winLength", "more than the transform"],
    [{ mel: { preset: "librosa", fMin: 500, fMax: 500 } }, "mel.fMin", "not below `fMax`"],
    [{ mel: { preset: "librosa", range: 80 } }, "mel.range", "only used by a logarithm"],
    [{ mel: { preset: "whisper", log: "none", floor: 1 } }, "mel.floor", "only used by a logarithm"],
    [{ stft: { preset: "librosa", log: "db" } }, "stft.log", "complex values have no logarithm"],
    [{ mel: { preset: "librosa" }, stft: { preset: "librosa" } }, "stft", "excludes `mel`"],
  ] as const)("the job file refuses %o", (sound, path, what) => {
    const found = mapSpec.safeParse({ inputs: { x: { column: "audio", sound } } });
    const issues = found.error?.issues.map((issue) => [issue.path.join("."), issue.message]);
    expect(issues).toEqual([[`inputs.x.sound.${path}`, expect.stringContaining(what)]]);
  });

  it("keys missing from the job are read from the model's folder", async () => {
    const folder = folderWith({ rate: 24_000, normalize: true });
    const { step } = await planned({ folder, rate: null });
    expect(step.op).toMatchObject({ data: { rate: 24_000, normalize: true } });
    const own = await planned({ folder, rate: 8000, sound: { normalize: false } });
    expect(own.step.op).toMatchObject({ data: { rate: 8000, normalize: false } });
  });

  it("a key that is unclear in the model's folder is required in the job", async () => {
    const about = {
      about: "sound",
      where: "preprocessor_config.json: sampling_rate",
      what: "is odd",
    } as const;
    const folder = folderWith({ rate: null, normalize: null }, [{ ...about, found: '"16k"' }]);
    expect(await problems({ folder })).toEqual([]);
    expect(await problems({ folder, rate: null })).toEqual([
      ["map.inputs.x.sound", expect.stringContaining("does not say clearly how sounds are prepared")],
      ["map.inputs.x.sound", "the rate of the model is unknown"],
    ]);
  });

  it.each([
    ["a column of numbers", { spec: { column: "id" } }, ".column", "column `id` holds no sounds"],
    ["spectrograms", { dims: ["n", 80, 3000] }, ".sound", "sounds do not have the shape"],
    ["pictures", { dims: ["n", 3, 8, 8] }, ".sound", "sounds do not have the shape"],
    [
      "another length",
      { dims: ["n", 800], sound: { window: 700 } },
      ".sound",
      "sounds do not have the shape",
    ],
    [
      "two channels for an input of one",
      { dims: ["n", "t"], sound: { channels: 2 } },
      ".sound",
      "sounds do not have",
    ],
    ["an open length after channels", { dims: ["n", 1, "t"] }, ".sound", "sounds of their own length"],
    ["context without windows", { sound: { context: 64 } }, ".sound.context", "needs `window"],
    [
      "a length of only context",
      { dims: ["n", 64], sound: { context: 64 } },
      ".sound.context",
      "leaves no samples",
    ],
    ["whole numbers", { dtype: "int16" }, "", "samples lie between -1 and 1"],
    ["a second `part`", withPart(), ".sound", "would make a second column `part`"],
  ] as const)("the plan refuses %s", async (_name, of, below, what) => {
    expect(await problems(of)).toEqual([[`map.inputs.x${below}`, expect.stringContaining(what)]]);
  });

  it("whole numbers are made where the job sets a scale", async () => {
    expect((await planned({ dtype: "int16", spec: { scale: 32_767 } })).inputs.x?.scale).toBe(32_767);
  });
});

function withPart() {
  const part: Field = { name: "part", type: { kind: "numeric", type: "int32" }, nullable: false };
  return { fields: [...FIELDS, part], sound: { window: 5 } };
}
