import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isShardmillError, ShardmillError } from "../../../../shared/core/errors.ts";
import { parseJobSource, readJobFile } from "../../../../shared/job-file/read-job-file.ts";
import { aJobText } from "../../../unit/shared/job-file/job-text.ts";

describe("readJobFile", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-spec-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  async function problemOf(path: string): Promise<string | undefined> {
    try {
      await readJobFile(path, { set: [], env: {} });
    } catch (error) {
      if (isShardmillError(error, "SPEC_INVALID")) return error.problems[0]?.what;
      throw error;
    }
    throw new Error("the file was read");
  }

  test("returns the spec with paths resolved from the file's folder", async () => {
    const path = join(folder, "job.yaml");
    await writeFile(path, aJobText());
    const spec = await readJobFile(path, { set: ["name=test"], env: {} });
    expect([spec.name, spec.model?.path]).toEqual(["test", join(folder, "model.onnx")]);
  });

  test("ignores a byte order mark", async () => {
    const path = join(folder, "job.yaml");
    await writeFile(path, `\uFEFF${aJobText()}`);
    expect((await readJobFile(path, { set: [], env: {} })).output.rows).toBe("parquet");
  });

  test("refuses a missing, non-UTF-8 or oversized file, a folder and an address", async () => {
    const path = join(folder, "job.yaml");
    expect(await problemOf(path)).toBe("there is no such file");
    await writeFile(path, new Uint8Array([0xff, 0xfe, 0x00, 0xc3]));
    expect(await problemOf(path)).toBe("the file is not UTF-8 text");
    await writeFile(path, "#".repeat((1 << 20) + 1));
    expect(await problemOf(path)).toBe("too big for a job file: 1.0 MiB");
    expect(await problemOf(folder)).toBe("this is a folder");
    expect(await problemOf("s3://bucket/job.yaml")).toBe("addresses are not supported here");
  });
});

describe("problems found after a job file was read", () => {
  const source = parseJobSource(aJobText({ map: "keep: [id]\ninputs: { image: { column: pixels } }" }), {
    path: "job.yaml",
    set: ["map.outputs.y=logits"],
    env: {},
  });

  test("get their positions in the file", () => {
    const wheres = [
      "map.inputs.image.column",
      "map.keep[0]",
      "map.inputs.other",
      "map.outputs.y.tensor",
      "map.inputs.image line 2 column 7",
      "data/a.parquet",
      "other.key line 2 column 7",
    ];
    const error = new ShardmillError("SPEC_INVALID", "no fit", {
      problems: wheres.map((where) => ({ where, what: "wrong" })),
      fields: { shard: 1 },
    });
    const placed = source.withLines(error);
    expect(placed).toMatchObject({ code: "SPEC_INVALID", message: "no fit", fields: { shard: 1 } });
    expect(isShardmillError(placed) && placed.problems.map(({ where }) => where)).toEqual([
      "job.yaml:6:30 map.inputs.image.column",
      "job.yaml:5:10 map.keep[0]",
      "job.yaml:6:3 map.inputs.other",
      "--set map.outputs.y=logits map.outputs.y.tensor",
      "job.yaml:6:20 map.inputs.image line 2 column 7",
      "data/a.parquet",
      "other.key line 2 column 7",
    ]);
  });

  test("other errors are not changed", () => {
    const error = new Error("other");
    expect(source.withLines(error)).toBe(error);
  });
});
