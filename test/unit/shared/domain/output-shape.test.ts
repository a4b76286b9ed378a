import { expect, test } from "vitest";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { needs } from "../../../support/needs.ts";
import { parseJob, problemsOfJob } from "../job-file/job-text.ts";

const shape = (...set: string[]) => parseJob({ set }).output;
const wrong = (...set: string[]) => problemsOfJob({ set });

test("columns to sort by may be in short or long form, and the spec has the long form", () => {
  const long = [
    { column: "day", order: "ascending" },
    { column: "score", order: "descending" },
    { column: "-x", order: "ascending" },
  ];
  expect(shape("output.sort=[day, -score, {column: -x}]").sort).toEqual(long);
  const spec = parseJob({ set: ["output.sort=[day, -score]", "output.compression=snappy"] });
  expect(checkJobSpec(spec)).toEqual(spec);
});

test("all parts may be in one order, and then nothing else decides the files", () => {
  const all = "output.sort={by: [-score], across: all}";
  const by = [{ column: "score", order: "descending" as const }];
  expect(shape(all).sort).toEqual({ by, across: "all" });
  expect(shape("output.sort={by: [-score]}").sort).toEqual({ by, across: "part" });
  expect(checkJobSpec(parseJob({ set: [all] }))).toEqual(parseJob({ set: [all] }));
  const bad = wrong(all, "output.fileRows=10", "output.fileBytes=300000000", "output.partitionBy=day");
  expect(bad.map(({ where }) => where)).toEqual([
    "--set output.fileRows=10",
    "--set output.fileBytes=300000000",
    "--set output.partitionBy=day",
  ]);
  expect(new Set(bad.map(({ what }) => what))).toEqual(
    new Set(["cannot be set with `across: all`, which decides the files"]),
  );
  expect(wrong("output.rows=none", "reduce={n: SELECT 1}", all)).toHaveLength(1);
  expect(wrong("output.sort={by: [], across: all}")).toHaveLength(1);
  expect(wrong("output.sort={by: [a], across: parts}")).toHaveLength(1);
  expect(wrong("output.sort={across: all}")).toHaveLength(1);
});

test("an invalid compression, number of rows or sort column is refused", () => {
  expect(wrong("output.compression=lz4")[0]?.expected).toContain("`snappy`");
  expect(wrong("output.rowGroupRows=0")).toHaveLength(1);
  expect(wrong("output.sort=[]")).toHaveLength(1);
  expect(wrong("output.sort=['-']")).toHaveLength(1);
  expect(wrong("output.sort=[{column: a, order: up}]")).toHaveLength(1);
});

test("compression of Arrow files and the shape of unpublished rows are refused", () => {
  expect(shape("output.rows=arrow", "output.compression=none").compression).toBe("none");
  const [arrow] = wrong("output.rows=arrow", "output.compression=gzip");
  expect(arrow?.found).toBe("`gzip`");
  const none = wrong("output.rows=none", "reduce={n: SELECT 1}", "output.rowGroupRows=5", "output.sort=[a]");
  expect(none.map(({ what }) => what)).toEqual(Array(2).fill(expect.stringContaining("published rows")));
});

test("a file size beyond the limit of sorting is refused if rows are sorted", () => {
  const large = "output.fileBytes=300000000";
  expect(shape(large).fileBytes).toBe(300_000_000);
  expect(wrong(large, "output.sort=[day]")).toMatchObject([
    { where: `--set ${large}`, expected: expect.stringContaining("268435456") },
  ]);
  expect(shape("output.fileBytes=268435456", "output.sort=[day]").fileBytes).toBe(268_435_456);
});

needs("csv-json")("text is compressed as a whole, and has no row groups or sizes in bytes", () => {
  expect(shape("output.rows=csv", "output.compression=zstd").compression).toBe("zstd");
  expect(shape("output.rows=jsonl", "output.fileRows=10", "output.sort=[day]").rows).toBe("jsonl");
  const bad = wrong(
    "output.rows=csv",
    "output.compression=snappy",
    "output.rowGroupRows=5",
    "output.fileBytes=5000",
  );
  expect(bad.map(({ found, hint }) => found ?? hint)).toEqual([
    "`snappy`",
    "remove the key",
    "set `fileRows` instead",
  ]);
});
