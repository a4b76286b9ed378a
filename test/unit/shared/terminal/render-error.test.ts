import { describe, expect, it } from "vitest";
import { type Problem, ShardmillError } from "../../../../shared/core/errors.ts";
import { renderError } from "../../../../shared/terminal/render-error.ts";

const lines = (error: ShardmillError) => renderError(error).split("\n");

describe("a rendered error", () => {
  it("the message is first, and each problem follows with its place and its aligned details", () => {
    const problems: Problem[] = [
      {
        where: "map.inputs.image.column",
        what: "no such column",
        expected: "one of id, label, pixels",
        found: "pixel",
        hint: "did you mean `pixels`?",
      },
      { where: "job.yaml:12:5", what: "unknown key `modle`" },
    ];
    const error = new ShardmillError("SPEC_INVALID", "the job file has 2 problems", {
      problems,
      hint: "see the docs",
    });
    expect(lines(error)).toEqual([
      "error: the job file has 2 problems (SPEC_INVALID)",
      "",
      "  map.inputs.image.column: no such column",
      "    expected  one of id, label, pixels",
      "    found     pixel",
      "    hint      did you mean `pixels`?",
      "",
      "  job.yaml:12:5: unknown key `modle`",
      "",
      "hint: see the docs",
    ]);
  });

  it("fields and the cause are added if the message lacks them, without a stack", () => {
    const error = new ShardmillError("STORE_FAILED", "a.parquet cannot be read", {
      fields: { path: "a.parquet", shard: 7, worker: null },
      cause: new Error("EIO: i/o error"),
    });
    expect(lines(error)).toEqual([
      "error: a.parquet cannot be read (STORE_FAILED)",
      "  shard  7",
      "  cause  EIO: i/o error",
    ]);
  });

  it("the place of an attempt is one line, and flags and counts are not shown", () => {
    const place = { shard: 0, file: "/data/a.parquet", rowStart: 0, rowEnd: 50, worker: "node1-cpu0" };
    const error = new ShardmillError("INPUT_CORRUPT", "row group 0 is corrupt", {
      fields: { ...place, poisoned: true, page: 7 },
      hint: "write it again",
    });
    expect(lines(error)).toEqual([
      "error: row group 0 is corrupt (INPUT_CORRUPT)",
      "  where  rows 0 to 49 of /data/a.parquet (shard 0), on node1-cpu0",
      "  page   7",
      "",
      "hint: write it again",
    ]);
    const { file: _, ...shard } = place;
    const files = { files: 3, firstFile: "/data/a.parquet", lastFile: "/data/c.parquet" };
    const many = new ShardmillError("SHARD_FAILED", "it failed", { fields: { ...shard, ...files } });
    expect(lines(many)[1]).toBe(
      "  where  rows 0 to 49 of the input, in 3 files from /data/a.parquet to /data/c.parquet (shard 0), on node1-cpu0",
    );
    const counted = new ShardmillError("SPEC_INVALID", "it does not fit", {
      fields: { problems: 1, path: "job.yaml" },
      problems: [{ where: "map", what: "wrong" }],
    });
    expect(lines(counted)).toEqual([
      "error: it does not fit (SPEC_INVALID)",
      "  path  job.yaml",
      "",
      "  map: wrong",
    ]);
  });

  it("a number is shown although its digits are part of another number in the message", () => {
    const error = new ShardmillError("STORE_FAILED", "block 170 cannot be read", {
      fields: { block: 170, page: 7 },
    });
    expect(lines(error).slice(1)).toEqual(["  page  7"]);
  });

  it("a problem's hint and the cause of a missing file or a gRPC error are not repeated", () => {
    const hint = "did you mean `data`?";
    const problem = { where: "dta", what: "there is no such folder", hint };
    const missing = Object.assign(new Error("ENOENT: no such file, stat 'dta'"), { code: "ENOENT" });
    const found = new ShardmillError("INPUT_NOT_FOUND", "no data", {
      problems: [problem],
      hint,
      cause: missing,
    });
    expect(lines(found)).toEqual([
      "error: no data (INPUT_NOT_FOUND)",
      "",
      "  dta: there is no such folder",
      "    hint  did you mean `data`?",
    ]);
    const unavailable = Object.assign(new Error("14 UNAVAILABLE: No connection established"), { code: 14 });
    const unreachable = new ShardmillError("COORDINATOR_UNREACHABLE", "no coordinator", {
      cause: unavailable,
    });
    expect(lines(unreachable)).toEqual(["error: no coordinator (COORDINATOR_UNREACHABLE)"]);
  });

  it("the lines of a database are kept with an indent, and escape codes are removed everywhere", () => {
    const error = new ShardmillError("SQL_INVALID", 'column "n" not found\nSELECT n\n       ^\n', {
      problems: [{ where: "reduce.\u001b[31mx", what: "two\nlines" }],
    });
    expect(lines(error)).toEqual([
      'error: column "n" not found (SQL_INVALID)',
      "  SELECT n",
      "         ^",
      "",
      "  reduce.[31mx: two",
      "    lines",
    ]);
  });

  it("twenty problems are shown, and the others are counted", () => {
    const problems = Array.from({ length: 22 }, (_, at) => ({ where: `row ${at}`, what: "is null" }));
    const shown = lines(new ShardmillError("SPEC_INVALID", "much is wrong", { problems }));
    expect(shown.slice(-3)).toEqual(["  row 19: is null", "", "  ... 2 more problems"]);
  });
});
