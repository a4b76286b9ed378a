import { describe, expect, test } from "vitest";
import { readInput } from "../../coordinator/plan/read-input.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";

/** Reads facts about files by their names, as a job does. */
async function read(
  files: Readonly<Record<string, string>>,
  input: Readonly<Record<string, unknown>> = {},
): Promise<Awaited<ReturnType<typeof readInput>>> {
  await using folder = await JobFolder.make({ files: 0, spec: { input: { path: "./data", ...input } } });
  for (const [name, content] of Object.entries(files)) await folder.write(`data/${name}`, content);
  return await readFolder(folder);
}

async function readFolder(folder: JobFolder): Promise<Awaited<ReturnType<typeof readInput>>> {
  return await readInput((await readJobSource(folder.job, { set: [], env: {} })).spec, { signal: NEVER });
}

const columnsOf = ({ dataset }: Awaited<ReturnType<typeof readInput>>) =>
  dataset.fields.map(({ name, type }) => [name, type.kind === "numeric" ? type.type : type.kind]);

describe("a partition column", () => {
  test.each([undefined, "day = 2"])(
    "is refused when only some files contain it, too: where %s",
    async (where) => {
      const input = { path: "./data", ...(where === undefined ? {} : { where }) };
      await using folder = await JobFolder.make({ files: 0, spec: { input } });
      for (const [name, columns] of [
        ["day=1/a", "1 AS id"],
        ["day=2/b", "2 AS id, 2 AS day"],
        ["day=2/c", "3 AS id"],
      ]) {
        const path = await folder.write(`data/${name}.parquet`, "");
        await query(`COPY (SELECT ${columns}) TO '${path}' (FORMAT parquet)`);
      }
      await expect(readFolder(folder)).rejects.toMatchObject({
        code: "INPUT_SCHEMA_MIXED",
        problems: [{ where: folder.at("data/day=2/b.parquet"), what: "column day is extra" }],
      });
    },
  );

  needs("csv-json")(
    "is read from the lines when only some of them contain it, and no file is excluded",
    async () => {
      const files = { "day=1/a.jsonl": '{"id":1}', "day=2/b.jsonl": '{"id":2,"day":2}' };
      const found = await read(files, { where: "day = 2" });
      expect(found.partitions).toEqual({ kind: "none", why: expect.stringContaining("`day`") });
      expect(found.dataset.files.map(({ partitions }) => partitions)).toEqual([undefined, undefined]);
      expect(found.skippedFiles).toEqual([]);
      expect(columnsOf(found)).toEqual([
        ["id", "int64"],
        ["day", "int64"],
      ]);
    },
  );
});

describe("input.types for a partition column", () => {
  const csv = { "day=1/a.csv": "id,x\n1,2\n", "day=2/b.csv": "id,x\n3,4\n" };
  const lines = { "day=1/a.jsonl": '{"id":1,"x":2}', "day=2/b.jsonl": '{"id":3,"x":4}' };

  needs("csv-json").each([
    ["CSV", csv],
    ["JSON Lines", lines],
  ])("sets its type over %s files, and excludes files by it", async (_, files) => {
    const types = { day: "string", x: "float32" };
    const found = await read(files, { types, where: "day > '1'" });
    expect(columnsOf(found)).toEqual([
      ["id", "int64"],
      ["x", "float32"],
      ["day", "string"],
    ]);
    expect(found.dataset.files.map(({ partitions }) => partitions)).toEqual([
      [{ name: "day", type: "string", value: "2" }],
    ]);
  });

  needs("csv-json")("is refused when folder names do not fit, with all problems at once", async () => {
    const named = (name: string) => read({ "a=01/b=x/c.jsonl": '{"id":1}' }, { types: { a: name, b: name } });
    await expect(named("int64")).rejects.toMatchObject({
      code: "SPEC_INVALID",
      problems: [{ where: "input.types.a" }, { where: "input.types.b" }],
    });
    await expect(named("timestamp")).rejects.toMatchObject({ code: "SPEC_INVALID" });
    expect((await named("string")).partitions).toMatchObject({ kind: "hive" });
  });

  needs("csv-json")("sets the type of the files' own column when they contain it", async () => {
    const own = { "day=1/a.jsonl": '{"id":1}', "day=2/b.jsonl": '{"id":3,"day":"2020-01-01T00:00:00Z"}' };
    const found = await read(own, { types: { day: "timestamp" } });
    expect(found.partitions).toMatchObject({ kind: "none" });
    expect(columnsOf(found)).toEqual([
      ["id", "int64"],
      ["day", "timestamp"],
    ]);
  });
});
