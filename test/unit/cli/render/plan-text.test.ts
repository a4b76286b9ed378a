import { describe, expect, it } from "vitest";
import { planText } from "../../../../cli/render/plan-text.ts";
import type { PlannedJob } from "../../../../shared/domain/job.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import type { MapBinding } from "../../../../shared/domain/map-binding.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { aDigest } from "../../../support/ids.ts";

const MAP: MapBinding = {
  inputs: [
    {
      tensor: "image",
      dtype: "float32",
      rowDims: [784],
      rowValues: 784,
      source: { kind: "one", column: "pixels" },
      scale: 0.5,
      offset: -1,
      fill: 0,
      rowShape: { kind: "even" },
      batchAxis: 0,
    },
    {
      tensor: "x",
      dtype: "float32",
      rowDims: [5],
      rowValues: 5,
      source: { kind: "stack", columns: ["f0", "f1", "f2", "f3", "f4"] },
      scale: 1,
      offset: 0,
      fill: null,
      rowShape: { kind: "even" },
      batchAxis: 0,
    },
  ],
  outputs: [
    {
      column: "digit",
      tensor: "logits",
      dtype: "float32",
      rowDims: [10],
      rowValues: 10,
      sequence: null,
      batchAxis: 0,
      declaredDims: ["batch", 10],
      op: { kind: "argmax", labels: null },
    },
    {
      column: "best",
      tensor: "logits",
      dtype: "float32",
      rowDims: [10],
      rowValues: 10,
      sequence: null,
      batchAxis: 0,
      declaredDims: ["batch", 10],
      op: { kind: "topK", k: 3, labels: null },
    },
    {
      column: "logits",
      tensor: "logits",
      dtype: "float32",
      rowDims: [10],
      rowValues: 10,
      sequence: null,
      batchAxis: 0,
      declaredDims: ["batch", 10],
      op: { kind: "raw" },
    },
  ],
  keep: [{ name: "id", type: { kind: "numeric", type: "int32" }, nullable: false }],
  columns: ["id", "pixels", "f0", "f1", "f2", "f3", "f4"],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/** Returns a plan with shards of these sizes, over both files. */
function aPlan(shardSizes: readonly number[], map: Partial<MapBinding> = {}): PlannedJob {
  const file = { format: "parquet", bytes: 2048, version: "", footerSha256: aDigest("") } as const;
  return {
    spec: {
      name: "digits",
      input: { path: ["/data"], format: "auto", shardRows: "auto" },
      model: {
        path: "/m.onnx",
        device: "auto",
        check: { rows: 256, tolerance: "auto", maxBeyond: "auto", minCosine: 0.99, minAgreement: 0.98 },
      },
      map: {
        inputs: {},
        outputs: [],
        keep: ["id"],
        prepare: [],
        finish: [],
        batch: { rows: "auto", tokens: "auto" },
      },
      reduce: { count: { combine: "SELECT 1", final: "SELECT 1" }, all: { final: "SELECT 1" } },
      output: { path: "/out", rows: "parquet" },
      errors: { maxRows: 0 },
      stores: {},
    },
    stores: NO_STORES,
    pins: [],
    reductions: {},
    tables: {},
    typeChecks: [],
    pruned: [],
    skipped: [],
    dataset: {
      files: [
        { ...file, path: parseLocation("/data/a.parquet"), rows: 3000 },
        { ...file, path: parseLocation("/data/b.parquet"), rows: 1500 },
      ],
      fields: [],
      digest: aDigest(""),
    },
    skippedFiles: [],
    undecoded: [],
    partitions: { kind: "none", why: null },
    model: {
      path: parseLocation("/m.onnx"),
      bytes: 1024,
      sha256: aDigest(""),
      externalData: [],
      signature: { inputs: [], outputs: [], unusable: [] },
    },
    map: { ...MAP, ...map },
    shards: shardSizes.map((rows, id) => {
      const rowStart = shardSizes.slice(0, id).reduce((sum, before) => sum + before, 0);
      return { id: shardId(id), rowStart, rowEnd: rowStart + rows };
    }),
    modelFrom: null,
    folder: null,
    converted: null,
    stages: [],
    digests: { spec: aDigest(""), input: aDigest(""), model: aDigest("") },
  };
}

describe("the text of a planned job", () => {
  it("shows how much memory the sort of its largest part takes", () => {
    const plan = aPlan([500, 4_000]);
    const sort = [
      { column: "digit", order: "descending" },
      { column: "id", order: "ascending" },
    ] as const;
    const shown = (output: object) =>
      planText({ ...plan, spec: { ...plan.spec, output: { ...plan.spec.output, ...output } } });
    expect(shown({})).not.toContain("of memory");
    // The positions of 4,000 rows alone take 1,000 KiB.
    expect(shown({ sort })).toMatch(
      /sort +-digit, id: 4,000 rows at once, which take about 1\.\d MiB of memory/,
    );
    expect(shown({ sort, fileRows: 400_000 })).toMatch(
      /400,000 rows at once, which take about 1\d\d\.\d MiB/,
    );
  });

  it("shows its steps, and the columns that each reads and makes", () => {
    const passes = {
      name: "id",
      type: { kind: "numeric", type: "int32" },
      nullable: false,
      from: "id",
    } as const;
    const op = { kind: "sql", select: "", named: [] } as const;
    const text = planText(
      aPlan([10], {
        prepare: [
          { where: "input.where", op, files: [], reads: ["lang", "body"], columns: [passes] },
          {
            where: "map.prepare[0].sql",
            op,
            files: [],
            reads: ["body"],
            columns: [passes, { name: "words", type: { kind: "string" }, nullable: true, from: null }],
          },
        ],
        finish: [{ where: "map.finish[0].sql", op, files: [], reads: [], columns: [passes] }],
      }),
    );
    expect(text.split("\n").filter((line) => /^(step|input\.|map\.)/.test(line))).toEqual([
      "step                reads       makes",
      "input.where         lang, body  nothing",
      "map.prepare[0].sql  body        words string",
      "map.finish[0].sql   nothing     nothing",
    ]);
  });

  it("shows its files, shards, tensors with their sources, and the figures of extensions", () => {
    const figures = [
      ["time", "1.5s on this machine"],
      ["cost", null],
    ] as const;
    expect(planText(aPlan([2000, 1500, 1000]), figures).split("\n")).toEqual([
      "digits",
      "  input         4,500 rows in 2 files, 4.0 KiB",
      "  shards        3 of 1,000 to 2,000 rows, median 1,500, of up to 2 files",
      "  model         /m.onnx, 1.0 KiB, on auto",
      "  batch         found while running, at most 20,997 rows (64.0 MiB of inputs and outputs)",
      "  keep          id",
      "  reduce        count (combine, final), all (final only)",
      "  output        /out, rows as parquet",
      "  dead letters  none allowed",
      "  time          1.5s on this machine",
      "",
      "file             rows  size",
      "/data/a.parquet  3000  2.0 KiB",
      "/data/b.parquet  1500  2.0 KiB",
      "",
      "model input  type              made from",
      "image        float32 [N, 784]  column pixels * 0.5 - 1 (null is 0)",
      "x            float32 [N, 5]    5 columns f0, f1, ..., f4",
      "",
      "output column  made from",
      "digit          argmax of logits float32 [N, 10]",
      "best           topK 3 of logits float32 [N, 10]",
      "logits         logits float32 [N, 10]",
    ]);
  });

  it("shows the padding of rows of different lengths, and the budget of a batch", () => {
    const [image] = MAP.inputs;
    if (image === undefined) throw new Error("no input");
    const ids = {
      ...image,
      tensor: "ids",
      rowDims: [],
      scale: 1,
      offset: 0,
      fill: null,
      rowShape: { kind: "padded", pad: 1, sequence: 0 },
    } as const;
    const mask = {
      ...ids,
      tensor: "mask",
      source: { kind: "mask", of: "ids" },
      rowShape: { kind: "padded", pad: 0, sequence: 0 },
    } as const;
    const exact = {
      ...ids,
      tensor: "frames",
      rowDims: [80],
      rowShape: { kind: "unpadded", sequence: 0 },
    } as const;
    const plan = aPlan([1], { inputs: [ids, mask, exact] });
    const map = { ...plan.spec.map, batch: { rows: 64, tokens: 4096 } };
    const text = planText({ ...plan, spec: { ...plan.spec, map } });
    expect(text).toContain("at most 64 rows, 4,096 tokens with padding, 64.0 MiB of inputs and outputs\n");
    expect(text.split("\n")).toEqual(
      expect.arrayContaining([
        "ids          float32 [N, positions]      column pixels (padded with 1)",
        "mask         float32 [N, positions]      mask of ids",
        "frames       float32 [N, positions, 80]  column pixels (never padded: batches of one length)",
      ]),
    );
  });

  it("is shorter for equal shards, for no shards, and for a batch that the model fixes", () => {
    const lineOf = (plan: PlannedJob, label: string) =>
      planText(plan)
        .split("\n")
        .find((line) => line.startsWith(`  ${label} `))
        ?.slice(label.length + 2)
        .trim();
    expect(lineOf(aPlan([1000, 1000]), "shards")).toBe("2 of 1,000 rows");
    expect(lineOf(aPlan([]), "shards")).toBe("none: there are no rows");
    expect(lineOf(aPlan([1]), "time")).toBeUndefined();
    expect(lineOf(aPlan([1], { prepare: [], finish: [], fixedBatchRows: 32 }), "batch")).toBe(
      "32 rows, fixed by the model; a shard's last batch is filled up",
    );
    expect(lineOf(aPlan([1], { prepare: [], finish: [], fixedBatchRows: 1 }), "batch")).toBe(
      "1 row, fixed by the model (exported with an open batch, many rows would run at once)",
    );
  });
});
