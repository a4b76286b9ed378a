import { describe, expect, it } from "vitest";
import { buildManifest } from "../../../../../coordinator/publish/layout.ts";
import { manifestText } from "../../../../../coordinator/publish/read-manifest.ts";
import { NO_RUN } from "../../../../../shared/domain/run-facts.ts";
import { rowCounts } from "../../../../support/builders.ts";
import { FileTree } from "../../../../support/file-tree.ts";
import { seeInput } from "../../../../support/found-input.ts";
import { aDigest, aJobId } from "../../../../support/ids.ts";

const MANIFEST = manifestText(
  buildManifest(
    {
      job: { id: aJobId("a-1"), name: "a" },
      digests: { spec: aDigest(""), input: aDigest(""), model: aDigest("") },
      run: { ...NO_RUN, rowsTotal: 0, shardsCommitted: 1 },
      counts: rowCounts(0),
      builds: [],
      versions: {},
    },
    [],
  ),
);

const published = (folder: string) => ({
  [`${folder}/_manifest.json`]: MANIFEST,
  [`${folder}/rows/part-0.parquet`]: "",
  [`${folder}/_errors/part-0.pq`]: "",
  [`${folder}/_reduced/sum.pq`]: "",
});
/** Returns files as a crash leaves them between the rows and the manifest. */
const unfinished = (folder: string) => ({
  [`${folder}/_shardmill/journal/1.log`]: "",
  [`${folder}/rows/part-0.parquet`]: "",
});

describe("outputs of jobs as input", () => {
  it("are skipped, in any state, if a folder or pattern only contains them", async () => {
    await using tree = await FileTree.make(
      {
        "a.parquet": "",
        "deep/b.parquet": "",
        "out/rows/part-0.parquet": "",
        ...published("deep/v1"),
        ...unfinished("v2"),
        ...published("elsewhere/v3"),
      },
      { "deep/v3": "../elsewhere/v3" },
    );
    const files = ["a.parquet", "deep/b.parquet"];
    expect(await seeInput(tree, ".")).toEqual({
      files,
      skippedFiles: { jobOutput: [4, "deep/v1", "elsewhere/v3", "out"], again: [1, "deep/v3"] },
      problems: [],
    });
    expect(await seeInput(tree, "**/*.parquet")).toMatchObject({ files });
    expect(await seeInput(tree, "*.parquet")).toMatchObject({ files: ["a.parquet"], skippedFiles: {} });
    const { problems } = await seeInput(tree, "v*/rows/*.parquet");
    expect(problems[0]).toMatchObject({ found: `1 output of a job (${tree.at("v2")})` });
  });

  it("give their rows if they are named", async () => {
    await using tree = await FileTree.make({ ...published("v1"), "v1/rows/x.txt": "", ...published("v2") });
    const rows = ["v1/rows/part-0.parquet"];
    for (const input of ["v1", "v1/", "v1/rows", "v1/rows/*.parquet", "v1/r*/*.parquet", rows[0] ?? ""]) {
      expect((await seeInput(tree, input)).files.slice(-1), input).toEqual(rows);
    }
    expect((await seeInput(tree, "v1")).files).toEqual(rows);
    expect((await seeInput(tree, "v1/_errors")).files).toEqual(["v1/_errors/part-0.pq"]);
    expect((await seeInput(tree, ["v1", "v2"])).files).toEqual([...rows, "v2/rows/part-0.parquet"]);
  });

  it("are refused if their job has not ended or published no rows", async () => {
    await using tree = await FileTree.make({
      ...unfinished("v1"),
      "v2/_manifest.json": MANIFEST,
      "v2/_reduced/sum.pq": "",
    });
    for (const input of ["v1", "v1/rows", "v1/rows/*.parquet", "v1/rows/part-0.parquet", "v1/*/*.parquet"]) {
      const [problem] = (await seeInput(tree, input)).problems;
      expect(problem?.what, input).toBe(`the job that publishes to ${tree.at("v1")} has not ended`);
    }
    expect((await seeInput(tree, "v2")).problems[0]?.what).toContain("published no rows");
    expect((await seeInput(tree, "v2/_reduced")).files).toEqual(["v2/_reduced/sum.pq"]);
  });

  it("are not confused with folders that have another program's `_manifest.json`", async () => {
    await using tree = await FileTree.make({ "d/_manifest.json": '{"entries": []}', "d/a.parquet": "" });
    expect(await seeInput(tree, ".")).toMatchObject({ files: ["d/a.parquet"], skippedFiles: {} });
  });

  it("are named in the error if a folder contains nothing else", async () => {
    await using tree = await FileTree.make(published("all/v1"));
    expect((await seeInput(tree, "all")).problems[0]).toMatchObject({
      found: `1 output of a job (${tree.at("all/v1")})`,
      hint: "name the output of a job itself to read its rows",
    });
  });
});
