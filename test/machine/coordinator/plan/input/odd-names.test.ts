import { writeFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { FileTree } from "../../../../support/file-tree.ts";
import { seeInput } from "../../../../support/found-input.ts";

function ref(name: string): string {
  return `$\{${name}}`;
}

/** Characters that a pattern could take for wildcards, and others that file systems allow. */
const PARTS = [
  ..."*?[]{}()!@+|,\\^$.~#%&;'\"` ü😀-=",
  "[1]",
  "(x)",
  "{a,b}",
  "@(a|b)",
  "!(a)",
  "+(a)",
  "?(a)",
  "[!a]",
  "[a-z]",
  "{1..3}",
  "**",
  "\\[1]",
  "\\\\",
  ref("X"),
];
const NAMES = PARTS.flatMap((part) => [`run${part}`, `${part}run`, `r${part}${part}n`]).filter(
  (name) => !name.startsWith("."),
);
/** Names that the names above would match as patterns. */
const DECOYS = [
  "run1",
  "run",
  "runa",
  "runx",
  "runab",
  "1run",
  "arun",
  "xrun",
  "r11n",
  "raan",
  "run[1]",
  "r",
];

const files = (folder: string) => [`${folder}/in/a.parquet`, `${folder}/in/deep/b.parquet`];

describe("a job in a folder with special characters in its name", () => {
  it("reads only the files of its own folder, by any kind of path", async () => {
    await using tree = await FileTree.make([...NAMES, ...DECOYS].flatMap(files));
    for (const folder of NAMES) {
      const own = files(folder);
      const reads = async (input: string, env: NodeJS.ProcessEnv = {}) =>
        (await seeInput(tree, input, { folder, env })).files;
      expect(await reads("./in"), folder).toEqual(own);
      expect(await reads("./in/a.parquet"), folder).toEqual(own.slice(0, 1));
      expect(await reads("./in/*.parquet"), folder).toEqual(own.slice(0, 1));
      expect(await reads("in/**/*.parquet"), folder).toEqual(own);
      expect(await reads(`../${ref("FOLDER")}/in/*.parquet`, { FOLDER: folder }), folder).toEqual(
        own.slice(0, 1),
      );
      expect(await reads(`${ref("DATA")}/in/{a,c}.*`, { DATA: tree.at(folder) }), folder).toEqual(
        own.slice(0, 1),
      );
      expect(await reads(`${ref("DATA")}/in`, { DATA: tree.at(folder) }), folder).toEqual(own);
    }
    expect(NAMES.length).toBeGreaterThan(90);
  });

  it("reads the file that a variable names, not files that it would match as a pattern", async () => {
    await using tree = await FileTree.make(["in/a.parquet", "in/b.parquet", "in/*.parquet"]);
    expect((await seeInput(tree, `in/${ref("NAME")}`, { env: { NAME: "*.parquet" } })).files).toEqual([
      "in/*.parquet",
    ]);
    const [problem] = (await seeInput(tree, `in/${ref("NAME")}`, { env: { NAME: "?.parquet" } })).problems;
    expect(problem).toMatchObject({
      where: tree.at("in/?.parquet"),
      what: "there is no such file or folder",
      hint: expect.stringContaining("write the pattern in the job file"),
    });
  });
});

describe("a pattern", () => {
  it("means a file of exactly that name if one exists, and a hint shows how to escape a folder", async () => {
    await using tree = await FileTree.make(["in[1]/a.parquet", "x[1].parquet", "x1.parquet"]);
    expect((await seeInput(tree, "x[1].parquet")).files).toEqual(["x[1].parquet"]);
    const [problem] = (await seeInput(tree, "in[1]/*.parquet")).problems;
    expect(problem?.hint).toContain("in\\[1\\]");
    expect((await seeInput(tree, "in\\[1\\]/*.parquet")).files).toEqual(["in[1]/a.parquet"]);
  });

  it("is refused if it has too many alternatives or is too long", async () => {
    await using tree = await FileTree.make(["in/a.parquet"]);
    const [many] = (await seeInput(tree, "in/{1..20000}.parquet")).problems;
    expect(many?.what).toContain("more than 10000 alternatives");
    const [long] = (await seeInput(tree, `in/*${"a".repeat(70_000)}`)).problems;
    expect(long?.what).toContain("too long");
  });
});

describe("a file whose name is not UTF-8", () => {
  it("is shown with escaped bytes, and refused if it would be input", async () => {
    await using tree = await FileTree.make(["in/a.parquet", "in/\uFFFD.parquet"]);
    const bad = (name: string) =>
      Buffer.concat([Buffer.from(`${tree.at("in")}/`), Buffer.from(name, "latin1")]);
    await writeFile(bad("gr\xfc\xdf.txt"), "");
    expect(await seeInput(tree, "in")).toMatchObject({
      files: ["in/a.parquet", "in/\uFFFD.parquet"],
      skippedFiles: { otherEnding: [1, "in/gr\\xfc\\xdf.txt"] },
    });
    await writeFile(bad("gr\xfc\xdf.parquet"), "");
    for (const input of ["in", "in/*.parquet"]) {
      expect((await seeInput(tree, input)).problems).toEqual([
        { where: tree.at("in/gr\\xfc\\xdf.parquet"), what: "its name is not UTF-8", hint: "rename it" },
      ]);
    }
    expect((await seeInput(tree, "in/a*")).files).toEqual(["in/a.parquet"]);
  });
});
