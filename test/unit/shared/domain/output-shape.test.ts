import { expect, test } from "vitest";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { parseJob, problemsOfJob } from "../job-file/job-text.ts";

const shape = (...set: string[]) => parseJob({ set }).output;
const wrong = (...set: string[]) => problemsOfJob({ set });

test("columns to sort by are written short or long, and the spec has them long", () => {
  const long = [
    { column: "day", order: "ascending" },
    { column: "score", order: "descending" },
    { column: "-x", order: "ascending" },
  ];
  expect(shape("output.sort=[day, -score, {column: -x}]").sort).toEqual(long);
  const spec = parseJob({ set: ["output.sort=[day, -score]", "output.compression=snappy"] });
  expect(checkJobSpec(spec)).toEqual(spec);
});

test("what is no compression, no number of rows, no column is refused where it stands", () => {
  expect(wrong("output.compression=lz4")[0]?.expected).toContain("`snappy`");
  expect(wrong("output.rowGroupRows=0")).toHaveLength(1);
  expect(wrong("output.sort=[]")).toHaveLength(1);
  expect(wrong("output.sort=['-']")).toHaveLength(1);
  expect(wrong("output.sort=[{column: a, order: up}]")).toHaveLength(1);
});

test("an Arrow file is not compressed, and rows that are not published have no shape", () => {
  expect(shape("output.rows=arrow", "output.compression=none").compression).toBe("none");
  const [arrow] = wrong("output.rows=arrow", "output.compression=gzip");
  expect(arrow?.found).toBe("`gzip`");
  const none = wrong("output.rows=none", "reduce={n: SELECT 1}", "output.rowGroupRows=5", "output.sort=[a]");
  expect(none.map(({ what }) => what)).toEqual(Array(2).fill(expect.stringContaining("published rows")));
});

test("files of more bytes than are sorted at once are refused where rows are sorted", () => {
  const large = "output.fileBytes=300000000";
  expect(shape(large).fileBytes).toBe(300_000_000);
  expect(wrong(large, "output.sort=[day]")).toMatchObject([
    { where: `--set ${large}`, expected: expect.stringContaining("268435456") },
  ]);
  expect(shape("output.fileBytes=268435456", "output.sort=[day]").fileBytes).toBe(268_435_456);
});
