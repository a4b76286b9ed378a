import { describe, expect, it } from "vitest";
import { statusText } from "../../../../cli/render/status-text.ts";
import { endText, jobSummary } from "../../../../cli/render/summary.ts";
import { recordOf } from "../../../../shared/core/record-of.ts";
import { NO_VERDICT } from "../../../../shared/domain/bottleneck.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { RUN_COUNTS } from "../../../../shared/domain/row-counts.ts";
import { aJobStatus, aPublishedJob } from "../../../support/job-status.ts";

const failure = {
  code: "ROW_NULL",
  message: "row 5 of a.parquet has a null",
  fields: {},
  problems: [],
  hint: "set map.inputs.image.fill",
} as const;

describe("the summary of a job for scripts", () => {
  it("has exactly the documented keys", () => {
    expect(jobSummary(aPublishedJob({ seconds: 4.20049, rowsPerSecond: 2_380.952 }))).toEqual({
      job: "digits-1",
      state: "published",
      rows: 10_000,
      rowsPruned: 0,
      rowsSkipped: 0,
      ...recordOf(RUN_COUNTS, () => 0),
      rowsOut: 10_000,
      deadLetters: 0,
      shards: 8,
      attempts: 8,
      seconds: 4.2,
      rowsPerSecond: 2_381,
      bottleneck: "infer",
      stages: {
        read: 0.02,
        decode: 0.214,
        tensorize: 0.05,
        infer: 0.931,
        collect: 0.01,
        encode: 0.12,
        store: 0,
      },
      padding: null,
      batch: { rows: 256, length: null, bound: "speed" },
      advice:
        "the model is the bottleneck: use a GPU, more machines, model.precision int8, or a smaller model",
      conversion: null,
      devices: [],
      stores: [],
      tasks: [],
      output: "/data/out",
      manifest: "/data/out/_manifest.json",
    });
  });

  it("has the precision of a converted model and its check", () => {
    const conversion = { key: "precision", value: "fp16", check: null };
    expect(jobSummary(aPublishedJob({ conversion })).conversion).toEqual(conversion);
  });

  it("has no manifest for an unpublished job, and the error of a failed job", () => {
    expect(jobSummary(aJobStatus()).manifest).toBeNull();
    expect(jobSummary(aJobStatus())).not.toHaveProperty("error");
    const { code, message } = failure;
    const said = { ...failure, hint: "wait" };
    expect(jobSummary(aJobStatus({ phase: "failed", failure: said })).error).toEqual({
      code,
      message,
      hint: "wait",
    });
  });
});

describe("the end of a job for people", () => {
  it("shows what was published, where, and what limited it", () => {
    expect(endText(aPublishedJob({ attempts: 9, attemptsFailed: 1, deadLetters: 3 })).split("\n")).toEqual([
      "digits published: 9,997 of 10,000 rows in 4.2s, 2,400 rows/s",
      "  job           digits-1",
      "  output        /data/out",
      "  manifest      /data/out/_manifest.json",
      "  shards        8 of 8, in 9 attempts (1 failed)",
      "  dead letters  3, in /data/out/_errors",
      "  limited by    infer (93 % busy)",
      "  busy          read 2 %, decode 21 %, tensorize 5 %, infer 93 %, collect 1 %, encode 12 % of a worker's time, concurrently",
      "  batch         256 rows: more are no faster",
      "  advice        the model is the bottleneck: use a GPU, more machines, model.precision int8, or a smaller model",
      '  read it       pd.read_parquet("/data/out")',
    ]);
  });

  it("ends with the call that reads the rows when the output has rows", () => {
    const last = (changes: Partial<JobStatus>) => endText(aPublishedJob(changes)).split("\n").at(-1);
    expect(last({ rowsFormat: "arrow", output: "s3://b/out" })).toBe(
      '  read it     pyarrow.dataset.dataset("s3://b/out", format="ipc")',
    );
    expect(last({ rowsFormat: "jsonl" })).toBe(
      `  read it     duckdb.sql("FROM '/data/out/rows/**/*.jsonl*'")`,
    );
    expect(last({ rowsFormat: "none" })).toMatch(/^ {2}advice /);
  });

  it("shows where dead letters of an unpublished job are, and omits them when there are none", () => {
    const lines = (status: JobStatus) => endText(status).split("\n");
    expect(lines(aJobStatus({ phase: "failed", deadLetters: 3 }))).toContain(
      "  dead letters  3, in /data/out/_shardmill/**/errors.parquet",
    );
    expect(endText(aPublishedJob())).not.toContain("dead letters");
  });

  it("shows how many rows were filtered and how many came out", () => {
    const lines = endText(aPublishedJob({ rowsFiltered: 1_200, rowsOut: 17_600 })).split("\n");
    expect(lines).toContain("  filtered    1,200 rows");
    expect(lines).toContain("  rows out    17,600");
  });

  it("warns of truncated rows with a hint, and omits them when there are none", () => {
    const text = endText(aPublishedJob({ rowsTruncated: 1_200 }));
    expect(text).toMatch(/\n {2}truncated +1,200 rows: .*Raise maxTokens .*split\n/);
    expect(endText(aPublishedJob())).not.toContain("truncated");
  });

  it("shows how many rows had a window filled up, and omits them when there are none", () => {
    expect(endText(aPublishedJob({ rowsFilled: 1_200 }))).toMatch(
      /\n {2}filled up +the last window of 1,200 rows\n/,
    );
    expect(endText(aPublishedJob())).not.toContain("filled up");
  });

  it("shows that an earlier run has published the job", () => {
    const text = endText(aPublishedJob({ seconds: 0, rowsPerSecond: 0, ...NO_VERDICT }));
    expect(text.split("\n")).toEqual([
      "digits is published already: 10,000 rows",
      "  job       digits-1",
      "  output    /data/out",
      "  manifest  /data/out/_manifest.json",
      "  shards    8 of 8, in 8 attempts",
      '  read it   pd.read_parquet("/data/out")',
    ]);
  });

  it("shows that a failed or cancelled job published nothing", () => {
    expect(endText(aJobStatus({ phase: "failed", failure })).split("\n")).toEqual([
      "digits failed: 5,000 of 10,000 rows done after 4.2s, nothing published",
      "  job     digits-1",
      "  shards  4 of 8, in 6 attempts",
    ]);
    expect(endText(aJobStatus({ phase: "cancelled" })).split("\n")[0]).toMatch(
      /^digits cancelled: .*nothing published$/,
    );
  });
});

describe("the status text of a job", () => {
  it("shows a running job's progress, id and output", () => {
    expect(statusText(aJobStatus()).split("\n")).toEqual([
      "digits  running  4.2s",
      "  █████████████████████████░░░░░░░░░░░░░░░  62 %  6,250 of 10,000 rows",
      "  2,400 rows/s, 1.5s left, limited by infer (93 % busy)",
      "  shards 4 of 8, 2 at work; 2 workers; 6 attempts",
      "  job     digits-1",
      "  output  /data/out",
      "  busy    read 2 %, decode 21 %, tensorize 5 %, infer 93 %, collect 1 %, encode 12 % of a worker's time, concurrently",
      "  batch   256 rows: more are no faster",
      "  advice  the model is the bottleneck: use a GPU, more machines, model.precision int8, or a smaller model",
    ]);
  });

  it("shows the precision of a converted model, and omits it for an unconverted one", () => {
    const conversion = { key: "precision", value: "int8", check: null };
    const line = "  precision  int8, not compared with the original";
    expect(statusText(aJobStatus({ conversion })).split("\n")).toContain(line);
    expect(endText(aPublishedJob({ conversion }))).toMatch(/\n {2}precision +int8, not compared/);
    for (const text of [statusText(aJobStatus()), endText(aPublishedJob())])
      expect(text).not.toContain("precision  ");
  });

  it("shows a failed job's end, and its error in full", () => {
    const text = statusText(aJobStatus({ phase: "failed", failure }));
    expect(text.split("\n")).toEqual([
      "digits failed: 5,000 of 10,000 rows done after 4.2s, nothing published",
      "  job     digits-1",
      "  shards  4 of 8, in 6 attempts",
      "",
      "error: row 5 of a.parquet has a null (ROW_NULL)",
      "",
      "hint: set map.inputs.image.fill",
    ]);
  });
});
