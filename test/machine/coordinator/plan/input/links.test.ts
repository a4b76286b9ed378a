import { describe, expect, it } from "vitest";
import { FileTree } from "../../../../support/file-tree.ts";
import { seeInput } from "../../../../support/found-input.ts";

/** A link counts as its target. A guard of real paths checks the rest. */

describe("links in an input folder", () => {
  it("are followed to folders and files", async () => {
    await using tree = await FileTree.make(["d/y=2023/a.parquet", "elsewhere/b.parquet", "one/c.parquet"], {
      "d/y=2024": "../elsewhere",
      "d/c.parquet": "../one/c.parquet",
    });
    const all = ["d/c.parquet", "d/y=2023/a.parquet", "d/y=2024/b.parquet"];
    expect(await seeInput(tree, "d")).toEqual({ files: all, skippedFiles: {}, problems: [] });
    expect((await seeInput(tree, "d/**/*.parquet")).files).toEqual(all);
    expect((await seeInput(tree, "d/y=*/*.parquet")).files).toEqual(all.slice(1));
    expect((await seeInput(tree, "d/y=2024")).files).toEqual(["d/y=2024/b.parquet"]);
  });

  it("are read once if they form a cycle, and refused if they have no target", async () => {
    await using tree = await FileTree.make(["d/a.parquet", "d/e/b.parquet", "c.parquet"], {
      "d/self": ".",
      "d/e/up": "../..",
      "d/e/f/back": "../../e",
      "d/e/f/there": "../g/back",
      "d/e/g/back": "../f/there",
    });
    for (const input of ["d/e", "d/e/**/*.parquet"]) {
      const [problem] = (await seeInput(tree, input)).problems;
      expect(problem?.what).toContain("cannot be followed");
    }
    await using sound = await FileTree.make(["d/a.parquet", "d/e/b.parquet", "c.parquet"], {
      "d/self": ".",
      "d/e/up": "../..",
      "d/e/f/back": "../../e",
    });
    for (const input of ["d", "d/**", "d/**/*.parquet"]) {
      expect((await seeInput(sound, input)).files, input).toEqual([
        "d/a.parquet",
        "d/e/b.parquet",
        "d/e/up/c.parquet",
      ]);
    }
  });

  it("are skipped and named if their target is already read", async () => {
    await using tree = await FileTree.make(["d/run-5/a.parquet", "d/x.parquet"], {
      "d/latest": "run-5",
      "d/0-first": "run-5",
      "d/a-copy.parquet": "x.parquet",
    });
    expect(await seeInput(tree, "d")).toEqual({
      files: ["d/run-5/a.parquet", "d/x.parquet"],
      skippedFiles: { again: [3, "d/0-first", "d/a-copy.parquet", "d/latest"] },
      problems: [],
    });
    expect((await seeInput(tree, ["d/latest", "d"])).files).toEqual(["d/latest/a.parquet", "d/x.parquet"]);
    expect((await seeInput(tree, ["d/*.parquet", "d/*/*.parquet"])).files).toEqual([
      "d/x.parquet",
      "d/run-5/a.parquet",
    ]);
  });

  it("are searched by link name and by target name if a pattern selects different files by each", async () => {
    await using tree = await FileTree.make(["d/real/q/a.parquet", "d/real/x/b.parquet"], {
      "d/link": "real",
    });
    expect((await seeInput(tree, "d/{real/q,link/x}/*.parquet")).files).toEqual([
      "d/link/x/b.parquet",
      "d/real/q/a.parquet",
    ]);
  });

  it("are refused if their target is missing and they could be data", async () => {
    await using tree = await FileTree.make(["d/a.parquet"], {
      "d/notes.txt": "gone.txt",
      "d/.lock": "nobody@host",
    });
    expect(await seeInput(tree, "d")).toMatchObject({
      files: ["d/a.parquet"],
      skippedFiles: { otherEnding: [1, "d/notes.txt"] },
    });
    for (const name of ["y=2024", "b.parquet"]) {
      await using broken = await FileTree.make(["d/a.parquet"], { [`d/${name}`]: "gone" });
      const { problems } = await seeInput(broken, "d");
      expect(problems).toMatchObject([{ where: broken.at(`d/${name}`) }]);
      expect((await seeInput(broken, "d/a*.parquet")).files).toEqual(["d/a.parquet"]);
    }
  });
});
