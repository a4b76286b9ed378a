import { describe, expect, test } from "vitest";
import { FolderValuesOfFolders } from "../../../../../coordinator/plan/input/folder-values.ts";
import { findPartitions, partitionColumns } from "../../../../../coordinator/plan/input/partitions.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { parseJobText } from "../../../../../shared/job-file/read-job-file.ts";
import { FileTree } from "../../../../support/file-tree.ts";
import { seeFiles } from "../../../../support/found-input.ts";

const valuesOf = (path: string, skipped = 0) =>
  new FolderValuesOfFolders().file(parseLocation(path), skipped).map(({ name, value }) => [name, value]);

const filesAt = (...paths: readonly string[]) =>
  paths.map((text) => {
    const path = parseLocation(text);
    const folders = new FolderValuesOfFolders().file(path, 0);
    return {
      path,
      realPath: path,
      format: "parquet",
      bytes: 1,
      version: "1",
      folderValues: folders,
    } as const;
  });

const column = (name: string) => ({ name, type: { kind: "string" }, nullable: true }) as const;

test("files of one folder share its values, and other folders and starting points have their own", () => {
  const folders = new FolderValuesOfFolders();
  const [one, other, deeper, fromBelow] = [
    folders.file(parseLocation("s3://b/year=1/day=2/a.parquet"), 0),
    folders.file(parseLocation("s3://b/year=1/day=2/b.parquet"), 0),
    folders.file(parseLocation("s3://b/year=1/day=2/day=3/a.parquet"), 0),
    folders.file(parseLocation("s3://b/year=1/day=2/a.parquet"), 4),
  ];
  expect(other).toBe(one);
  expect(deeper).toHaveLength(3);
  expect(fromBelow).toEqual([{ name: "day", value: "2" }]);
});

describe("a folder name=value", () => {
  test.each([
    [
      "/d/year=2024/raw/month=01/a.parquet",
      [
        ["year", "2024"],
        ["month", "01"],
      ],
    ],
    ["/d/a=b=c/x", [["a", "b=c"]]],
    ["/d/p=/x", [["p", ""]]],
    ["/d/=p/x", []],
    ["/d/p=__HIVE_DEFAULT_PARTITION__/x", [["p", null]]],
    ["/d/a%20b=%C3%BC%2F50%25/x", [["a b", "ü/50%"]]],
    [
      "/d/p=50%/q=%zz/r=%ff%41/x",
      [
        ["p", "50%"],
        ["q", "%zz"],
        ["r", "%ff%41"],
      ],
    ],
    ["/d/file=1.parquet", []],
    ["s3://bucket/t/day=2024-01-01/x", [["day", "2024-01-01"]]],
    ["https://host/t/day=1/x.parquet?key=a/b=c/d", [["day", "1"]]],
  ])("is found in the path %s", (path, expected) => expect(valuesOf(path)).toEqual(expected));

  test("is no column if it is above the job file, unless the job names it in a path", async () => {
    const at = "run=7/job/data/year=2024/a.parquet";
    await using tree = await FileTree.make([at, "x=1/year=2025/b.parquet"]);
    const found = async (path: string, env = {}) =>
      (await seeFiles(tree, path, { folder: "run=7/job", env })).map((file) =>
        file.folderValues.map(({ name, value }) => `${name}=${value}`),
      );
    expect(await found("./data")).toEqual([["year=2024"]]);
    expect(await found("./data/year=*/*.parquet")).toEqual([["year=2024"]]);
    expect(await found(`${tree.root}/run=7`)).toEqual([["run=7", "year=2024"]]);
    expect(await found("../../x=1")).toEqual([["x=1", "year=2025"]]);
    const env = { WHERE: `${tree.root}/x=1` };
    expect(await found("$".concat("{WHERE}"), env)).toEqual([["x=1", "year=2025"]]);
    // The text that is sent to a coordinator.
    const spec = parseJobText(
      JSON.stringify({ input: { path: "./data" }, model: { path: "m" }, output: { path: "o" } }),
      { path: tree.at("run=7/job/job.yaml"), set: [], env: {} },
    );
    expect(spec.input.path).toEqual([`${tree.root}/run\\=7/job/data`]);
  });
});

describe("name=value folders of all files", () => {
  test.each([
    ["int64", ["7", "-12", "0", "9223372036854775807"]],
    ["string", ["7", "9223372036854775808"]],
    ["string", ["7", "07"]],
    ["string", ["-0"]],
    ["string", ["+1"]],
    ["string", [""]],
    ["date", ["2024-02-29", "0001-01-01"]],
    ["string", ["2024-02-29", "2023-02-29"]],
    ["string", ["2024-01-01", "7"]],
    ["int64", ["7", "__HIVE_DEFAULT_PARTITION__"]],
    ["string", ["__HIVE_DEFAULT_PARTITION__"]],
  ])("become one column of the narrowest type for their values (%s for %j)", (type, values) => {
    const { files } = findPartitions(filesAt(...values.map((value) => `/d/p=${value}/x`)), undefined);
    const found = values.map((value) => (value.startsWith("__") ? null : value));
    expect(files.map(({ partitions }) => partitions)).toEqual(
      found.map((value) => [{ name: "p", type, value }]),
    );
  });

  test("are no columns if they differ between files, and are refused with `hive`", () => {
    for (const [paths, why] of [
      [["/d/a=1/x", "/d/y"], "a (/d/a=1/x); none (/d/y)"],
      [["/d/a=1/b=1/x", "/d/b=1/a=1/x"], "a, b (/d/a=1/b=1/x); b, a (/d/b=1/a=1/x)"],
      [["/d/a=1/A=2/x"], "two folders on the way to a file are called `A`"],
    ] as const) {
      const files = filesAt(...paths);
      const { partitions } = findPartitions(files, undefined);
      expect(partitions).toEqual({ kind: "none", why: expect.stringContaining(why) });
      expect(findPartitions(files, "none").partitions).toEqual({ kind: "none", why: null });
      expect(refusal(() => findPartitions(files, "hive"))).toContain(why);
    }
  });

  test("are refused with `hive` if there are none, and have no effect otherwise", () => {
    const files = filesAt("/d/x", "/d/e/y");
    expect(findPartitions(files, undefined).partitions).toEqual({ kind: "none", why: null });
    expect(refusal(() => findPartitions(files, "hive"))).toContain("no folder name=value");
  });

  test("are no columns if the files have a column of that name, in upper or lower case", () => {
    const found = findPartitions(filesAt("/d/year=1/x", "/d/year=2/y"), undefined);
    expect(partitionColumns(found, [column("month")], undefined)).toBe(found);
    for (const name of ["year", "Year"]) {
      const beside = partitionColumns(found, [column(name)], undefined);
      expect(beside.partitions).toEqual({ kind: "none", why: expect.stringContaining(`\`${name}\``) });
      expect(beside.files.map(({ partitions }) => partitions)).toEqual([[], []]);
      expect(refusal(() => partitionColumns(found, [column(name)], "hive"))).toContain(`\`${name}\``);
    }
  });
});

/** Returns the reason why folders cannot be columns. */
function refusal(find: () => unknown): string {
  try {
    find();
  } catch (error) {
    if (!isShardmillError(error, "SPEC_INVALID")) throw error;
    const [problem] = error.problems;
    expect(problem?.where).toBe("input.partitions");
    return problem?.found ?? "";
  }
  throw new Error("nothing was refused");
}
