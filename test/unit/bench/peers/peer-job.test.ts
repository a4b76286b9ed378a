import { describe, expect, it } from "vitest";
import { columnKinds, peerJobOf } from "../../../../bench/peers/peer-job.ts";
import type { Workload } from "../../../../bench/workloads/workload.ts";

const WORKLOAD: Workload = {
  name: "encoder",
  about: "",
  folder: "/w",
  jobPath: "/w/job.yaml",
  modelPath: "/w/model.onnx",
  inputPath: "/w/data",
  rows: 10,
  inputs: [
    { tensor: "ids", dtype: "int64", columns: ["tokens"], rowDims: [null], scale: 1 },
    { tensor: "mask", dtype: "int64", columns: null, rowDims: [null], scale: 1, mask: "ids" },
    { tensor: "image", dtype: "float32", columns: ["pixels"], rowDims: [3, 4], scale: 0.5 },
  ],
  key: "id",
  kept: ["id"],
  outputs: [
    { column: "class", tensor: "logits", op: "argmax" },
    { column: "score", tensor: "logits", op: "maxSoftmax" },
    { column: "embedding", tensor: "pooled", op: "raw" },
    { column: "meaning", tensor: "states", op: "pool" },
  ],
};
const COLUMNS = [
  { name: "id", type: "BIGINT" },
  { name: "class", type: "INTEGER" },
  { name: "score", type: "FLOAT" },
  { name: "embedding", type: "FLOAT[]" },
  { name: "meaning", type: "FLOAT[]" },
];
const OPTIONS = {
  workload: WORKLOAD,
  files: ["/w/data/part-0.parquet", "s3://b/part-1.parquet"],
  columns: COLUMNS,
  settings: { variant: "threads", batchRows: 16 },
  cores: 2,
  outputPath: "/out",
};

describe("peerJobOf", () => {
  it("gives a peer the same tensors, kept columns and output types", () => {
    const job = peerJobOf(OPTIONS);
    expect(job).toMatchObject({
      input_files: ["/w/data/part-0.parquet", "s3://b/part-1.parquet"],
      keep: ["id"],
      batch_rows: 16,
      variant: "threads",
    });
    expect(job.tensors).toEqual([
      { name: "ids", kind: "padded", columns: ["tokens"], shape: [null], scale: 1 },
      { name: "mask", kind: "mask", of: "ids", columns: [] },
      { name: "image", kind: "values", columns: ["pixels"], shape: [3, 4], scale: 0.5 },
    ]);
    expect(job.outputs).toMatchObject([
      { type: "int32" },
      { type: "float32" },
      { type: "list<float32>" },
      { type: "list<float32>" },
    ]);
  });

  it("describes how texts become tokens and picture files become pixels", () => {
    const image = {
      ...{ resize: { width: 256, height: 256 }, crop: { width: 224, height: 224 } },
      ...{ channels: "bgr" as const, rescale: 1, mean: [1, 2, 3] },
    };
    const uneven = { dtype: "int64" as const, rowDims: [null], scale: 1 };
    const inputs = [
      { ...uneven, tensor: "ids", columns: ["text"], tokenizer: { file: "t.json", maxTokens: 256 } },
      { ...uneven, tensor: "types", columns: null, types: "ids" },
      {
        ...{ tensor: "picture", dtype: "float32" as const, rowDims: [224, 224, 3], scale: 1 },
        ...{ columns: ["file"], image },
      },
    ];
    const job = peerJobOf({ ...OPTIONS, workload: { ...WORKLOAD, inputs } });
    expect(job.tensors).toEqual([
      { name: "ids", kind: "tokens", columns: ["text"], tokenizer: "/w/t.json", max_tokens: 256 },
      { name: "types", kind: "types", of: "ids", columns: [] },
      { name: "picture", kind: "image", columns: ["file"], image },
    ]);
  });

  it("refuses an output type that no peer supports", () => {
    const columns = COLUMNS.map((column) => ({ ...column, type: "MAP(INTEGER, INTEGER)" }));
    expect(() => peerJobOf({ ...OPTIONS, columns })).toThrow(
      "the peers cannot write class as MAP(INTEGER, INTEGER)",
    );
  });
});

describe("columnKinds", () => {
  it("compares kept columns exactly, and model outputs by their kind", () => {
    expect([...columnKinds(WORKLOAD, COLUMNS).values()]).toEqual([
      "kept",
      "class",
      "number",
      "vector",
      "direction",
    ]);
  });
});
