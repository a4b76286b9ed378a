import { readFile, truncate, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { JobFolder, numberedRows, USUAL_JOB } from "../support/job-folder.ts";
import { refused } from "../support/refusals.ts";
import { embeddings, smallTable, tableOf } from "../support/sample-table.ts";

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make();
});
afterEach(() => job[Symbol.asyncDispose]());

describe("missing input", () => {
  test.each([
    {
      path: "data/part-9.parquet",
      problem: { what: "there is no such file or folder", hint: "did you mean `part-0.parquet`?" },
    },
    { path: "dta", problem: { what: "there is no such file or folder", hint: "did you mean `data`?" } },
    {
      path: "data/*.arrow",
      problem: { found: "2 data files, such as part-0.parquet, part-1.parquet", hint: "check the pattern" },
    },
    {
      path: "texts",
      problem: {
        what: expect.stringMatching(/^the folder holds no Parquet.* Arrow.* files$/),
        expected: expect.stringMatching(/^\*\.parquet, .*\*\.ipc/),
        found: expect.stringMatching(/^2 files with other extensions \(.*\/a\.txt, .*\/b\.log\)$/),
      },
    },
  ])("$path is refused as missing, with what exists instead", async ({ path, problem }) => {
    await job.write("texts/a.txt", "a");
    await job.write("texts/b.log", "b");
    await job.writeJob({ input: { path: `./${path}` } });
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "INPUT_NOT_FOUND"]);
    expect(error.problems).toEqual([expect.objectContaining({ where: job.at(path), ...problem })]);
  });
});

describe("a data file that is not valid Parquet", () => {
  const cases: Record<string, { readonly harm: (path: string) => Promise<void>; readonly found: RegExp }> = {
    "it is truncated": {
      harm: (path) => truncate(path, 900),
      found: /not a Parquet file, or one that was cut short/,
    },
    "it is empty": { harm: (path) => truncate(path, 0), found: /the file is empty/ },
    "it contains text": {
      harm: (path) => writeFile(path, "this is some text\n".repeat(99)),
      found: /not a Parquet file/,
    },
    "its footer is overwritten": {
      async harm(path) {
        const bytes = await readFile(path);
        bytes.fill(0xff, bytes.length - 60, bytes.length - 12);
        await writeFile(path, bytes);
      },
      found: /./,
    },
  };

  test.each(Object.entries(cases))(
    "is refused by name before any work when %s",
    async (_name, { harm, found }) => {
      const path = job.at("data/part-1.parquet");
      await harm(path);
      const { code, error, stderr } = await refused(job);
      expect([code, error.code, error.fields.path]).toEqual([1, "INPUT_CORRUPT", path]);
      expect(error.problems).toEqual([
        expect.objectContaining({
          where: path,
          what: "corrupt in its footer",
          found: expect.stringMatching(found),
        }),
      ]);
      expect(stderr).toContain("hint: write the file again, or exclude it from input.path");
    },
  );
});

describe("columns that the model cannot use", () => {
  /** Returns the only problem of the map. */
  async function problem() {
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "SPEC_INVALID"]);
    expect(error.problems).toHaveLength(1);
    return error.problems[0];
  }

  async function writeBoth(rows: (file: number) => Parameters<JobFolder["writeData"]>[1]) {
    for (const file of [0, 1]) await job.writeData(`data/part-${file}.parquet`, rows(file));
  }

  test("files with different columns are refused, with the file and the columns", async () => {
    await job.writeData("data/part-2.parquet", smallTable(20));
    const { code, error } = await refused(job);
    expect([code, error.code]).toEqual([2, "INPUT_SCHEMA_MIXED"]);
    const where = job.at("data/part-2.parquet");
    expect(error.problems).toEqual([
      { where, what: "column x has another type", expected: "fixedList<float32, 4>", found: "float32" },
      { where, what: "column name is extra", expected: "none", found: "string" },
    ]);
  });

  test("a text column for a float tensor is refused", async () => {
    await writeBoth(() => smallTable(20));
    await job.writeJob({ map: { ...USUAL_JOB.map, inputs: { input: "name" } } });
    expect(await problem()).toMatchObject({
      where: expect.stringMatching(/job\.yaml:10:5 map\.inputs\.input\.column$/),
      what: "column `name` cannot feed a model",
      found: "string",
    });
  });

  test("lists with another length than the tensor's are refused", async () => {
    await writeBoth(() => tableOf({ x: embeddings(20, 3) }));
    await job.writeJob({ map: { ...USUAL_JOB.map, keep: [] } });
    expect(await problem()).toMatchObject({
      what: "the column does not fit the model's input `input`",
      expected: "4 float32 values a row, [4]",
      found: "`x`: fixed list of 3 float32",
    });
  });

  test("a column that is in no file is refused with the nearest name", async () => {
    await writeBoth((file) => numberedRows(file, 20));
    await job.writeJob({ map: { ...USUAL_JOB.map, inputs: { input: "xx" } } });
    expect(await problem()).toMatchObject({
      what: "no column `xx`",
      expected: "a column of the input: `id`, `x`",
      hint: "did you mean `x`?",
    });
  });
});
