import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { discoverFiles, type FoundInput } from "../../../../../coordinator/plan/input/discover.ts";
import { isShardmillError, type ShardmillError } from "../../../../../shared/core/errors.ts";
import type { JobSpec } from "../../../../../shared/domain/job-spec.ts";
import { needs } from "../../../../support/needs.ts";

let root: string;
const { signal } = new AbortController();

const FILES = [
  "data/b.parquet",
  "data/a.parquet",
  "data/Z.PARQUET",
  "data/notes.txt",
  "data/_old/c.parquet",
  "data/.hidden.parquet",
  "data/_part.parquet",
  "data/deep/er/d.arrow",
  "data/deep/e.feather",
  "data/deep/f.ipc",
  "texts/one.txt",
  ...["a.csv", "b.TSV", "c.jsonl.gz", "d.ndjson", "e.csv.gz", "f.json", "g.txt.gz"].map(
    (name) => `lines/${name}`,
  ),
  "texts/two.log",
  "odd/x[1].parquet",
  "odd/data.bin",
  "empty/.keep",
];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-discover-"));
  for (const path of FILES) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), path);
  }
  await symlink(join(root, "data/a.parquet"), join(root, "data/link.parquet"));
  await mkdir(join(root, "links"));
  await symlink(join(root, "data"), join(root, "links/there"));
});

afterAll(() => rm(root, { recursive: true, force: true }));

type Format = JobSpec["input"]["format"];

function find(paths: readonly string[], format: Format = "auto", abort = signal): Promise<FoundInput> {
  const path = paths.map((each) => join(root, each));
  return discoverFiles({ path, format }, join(root, "own"), { signal: abort });
}

const below = (path: string) => path.slice(root.length + 1);

async function discover(paths: readonly string[], format: Format = "auto"): Promise<string[]> {
  return (await find(paths, format)).files.map(({ path }) => below(path));
}

/** Returns the skipped files, by reason. */
async function skippedFiles(paths: readonly string[], format: Format = "auto") {
  const found = await find(paths, format);
  return Object.fromEntries(
    found.skippedFiles.map(({ reason, count, examples }) => [reason, [count, ...examples.map(below)]]),
  );
}

async function failure(paths: readonly string[], format: Format = "auto"): Promise<ShardmillError> {
  const error = await discover(paths, format).catch((reason: unknown) => reason);
  if (!isShardmillError(error, "INPUT_NOT_FOUND"))
    throw new Error(`expected INPUT_NOT_FOUND, found ${String(error)}`);
  return error;
}

describe("the files of an input", () => {
  it("are the data files below a folder, by code unit, without hidden and underscored names", async () => {
    expect(await discover(["data"])).toEqual([
      "data/Z.PARQUET",
      "data/a.parquet",
      "data/b.parquet",
      "data/deep/e.feather",
      "data/deep/er/d.arrow",
      "data/deep/f.ipc",
    ]);
  });

  it("are limited to one format if the job names it", async () => {
    expect(await discover(["data"], "arrow")).toEqual([
      "data/deep/e.feather",
      "data/deep/er/d.arrow",
      "data/deep/f.ipc",
    ]);
    expect(await discover(["odd/data.bin"], "parquet")).toEqual(["odd/data.bin"]);
  });

  it.each([
    ["data/*.parquet", ["data/a.parquet", "data/b.parquet"]],
    ["data/_*.parquet", ["data/_part.parquet"]],
    ["data/{_part,a}.parquet", ["data/_part.parquet", "data/a.parquet"]],
    ["data/**/*.parquet", ["data/a.parquet", "data/b.parquet"]],
    ["data/_old/*.parquet", ["data/_old/c.parquet"]],
    ["d*/_old/*", ["data/_old/c.parquet"]],
    ["data/@(a|b).parquet", ["data/a.parquet", "data/b.parquet"]],
    ["data/*", ["data/Z.PARQUET", "data/a.parquet", "data/b.parquet"]],
    ["data/?.parquet", ["data/a.parquet", "data/b.parquet"]],
    ["data/[ab].parquet", ["data/a.parquet", "data/b.parquet"]],
    ["data/**/*.{arrow,ipc}", ["data/deep/er/d.arrow", "data/deep/f.ipc"]],
    ["d*/deep/*", ["data/deep/e.feather", "data/deep/f.ipc"]],
  ])("match the pattern %s", async (pattern, expected) => {
    expect(await discover([pattern])).toEqual(expected);
  });

  it("may have wildcard characters in their names", async () => {
    expect(await discover(["odd/x[1].parquet"])).toEqual(["odd/x[1].parquet"]);
  });

  it("are read once, even if several names lead to them", async () => {
    expect(await discover(["data/a.parquet", "data/?.parquet", "data/link.parquet"])).toEqual([
      "data/a.parquet",
      "data/b.parquet",
    ]);
  });

  it("follow the order of the list of paths", async () => {
    expect(await discover(["data/deep/*", "data/b.parquet", "data/?.parquet"])).toEqual([
      "data/deep/e.feather",
      "data/deep/f.ipc",
      "data/b.parquet",
      "data/a.parquet",
    ]);
  });

  it("may have any extension if the job names the format", async () => {
    expect(await discover(["texts/*"], "parquet")).toEqual(["texts/one.txt", "texts/two.log"]);
  });

  it("do not include skipped files, which are counted and named by reason", async () => {
    expect(await skippedFiles(["data"])).toEqual({
      hidden: [3, "data/.hidden.parquet", "data/_old", "data/_part.parquet"],
      otherEnding: [1, "data/notes.txt"],
      again: [1, "data/link.parquet"],
    });
    expect(await skippedFiles(["data/*"])).toEqual({
      hidden: [3, "data/.hidden.parquet", "data/_old", "data/_part.parquet"],
      otherEnding: [1, "data/notes.txt"],
      again: [1, "data/link.parquet"],
    });
    expect(await skippedFiles(["data/[ab].parquet"])).toEqual({});
  });

  it("have their format, size and modification time", async () => {
    const [found] = (await find(["data/deep/e.feather"])).files;
    expect(found).toMatchObject({ format: "arrow", bytes: "data/deep/e.feather".length });
    expect(found?.version).toMatch(/^20\d\d-/);
  });
});

describe("an input without files", () => {
  it("is reported for all paths at once", async () => {
    const error = await failure([
      "data/c.parquet",
      "texts",
      "data/*.arrow",
      "odd/data.bin",
      "data/a.parquet",
    ]);
    expect(error.problems.map(({ where }) => where.slice(root.length + 1)).sort()).toEqual([
      "data/*.arrow",
      "data/c.parquet",
      "odd/data.bin",
      "texts",
    ]);
  });

  it("has a hint with similar names", async () => {
    expect((await failure(["data/aa.parquet"])).hint).toContain("a.parquet");
    expect((await failure(["dta/*.parquet"])).problems[0]?.hint).toContain("`data`");
  });

  needs("csv-json")(
    "text files are not missed, because they are found by their extensions, compressed or not",
    async () => {
      expect(await discover(["lines"])).toEqual([
        "lines/a.csv",
        "lines/b.TSV",
        "lines/c.jsonl.gz",
        "lines/d.ndjson",
        "lines/e.csv.gz",
      ]);
      expect(await discover(["lines"], "json")).toEqual(["lines/c.jsonl.gz", "lines/d.ndjson"]);
    },
  );

  it("is reported with the other files of its folder", async () => {
    const [problem] = (await failure(["texts"])).problems;
    expect(problem?.what).toMatch(/^the folder holds no Parquet.* Arrow.* files$/);
    expect(problem?.found).toContain("one.txt");
    expect((await failure(["empty"])).problems[0]?.found).toBe("no files");
  });

  it("a pattern finds files through a link to their folder", async () => {
    expect(await discover(["links/there/deep/*.feather"])).toEqual(["links/there/deep/e.feather"]);
  });

  it("is reported with the other files in the folder of a pattern", async () => {
    const [problem] = (await failure(["data/*.arrow"])).problems;
    expect(problem?.found).toContain("a.parquet");
  });

  it("has a hint about input.format if the extension is unknown", async () => {
    expect((await failure(["odd/data.bin"])).hint).toContain("input.format");
  });

  it("discovery rejects with the reason of an abort", async () => {
    const reason = new Error("enough");
    await expect(find(["data"], "auto", AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
