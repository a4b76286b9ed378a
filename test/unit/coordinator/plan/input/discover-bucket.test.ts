import { beforeAll, expect, test } from "vitest";
import { discoverFiles } from "../../../../../coordinator/plan/input/discover.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { isShardmillError, type ShardmillError } from "../../../../../shared/core/errors.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";

const calls: StorageCall[] = [];
const bucket = new MemoryStorage({ before: async (call) => void calls.push(call) });

const KEYS = [
  "data/b.parquet",
  "data/a.parquet",
  "data/notes.txt",
  "data/_old/c.parquet",
  "data/deep/er/d.arrow",
  "out/_shardmill/journal/1",
  "out/rows/part-0.parquet",
];

beforeAll(async () => {
  for (const key of KEYS) await bucket.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key));
});

async function find(...path: readonly string[]) {
  calls.length = 0;
  return await discoverFiles({ path, format: "auto" }, "s3://bucket/own", NEVER, { s3: async () => bucket });
}

async function refusal(path: string): Promise<ShardmillError> {
  const error = await find(path).catch((reason: unknown) => reason);
  if (isShardmillError(error, "INPUT_NOT_FOUND")) return error;
  throw error;
}

test("a folder of a bucket is walked as one of a disk is, and each listing's word on its files is taken", async () => {
  const { files, leftOut } = await find("s3://bucket/data");
  expect(files.map(({ path }) => path)).toEqual([
    "s3://bucket/data/a.parquet",
    "s3://bucket/data/b.parquet",
    "s3://bucket/data/deep/er/d.arrow",
  ]);
  expect(leftOut.map(({ reason, examples }) => [reason, examples])).toEqual([
    ["hidden", ["s3://bucket/data/_old"]],
    ["otherEnding", ["s3://bucket/data/notes.txt"]],
  ]);
  for (const { path, bytes, version } of files) expect(await bucket.stat(path)).toEqual({ bytes, version });
  expect(calls.filter(({ location }) => location.endsWith(".parquet") && !location.includes("out"))).toEqual(
    calls.filter(({ location }) => location.endsWith(".parquet")),
  );
});

test("all names of a folder are listed once: whether it is an output, a few of them tell", async () => {
  const listed: string[] = [];
  class Watched extends MemoryStorage {
    override list(...call: Parameters<MemoryStorage["list"]>): ReturnType<MemoryStorage["list"]> {
      listed.push(`${call[0]} ${call[1]?.prefix ?? ""}`.trim());
      return super.list(...call);
    }
  }
  const watched = new Watched();
  for (const key of KEYS) await watched.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key));
  const openers = { s3: async () => watched };
  await discoverFiles({ path: ["s3://bucket/data"], format: "auto" }, "s3://bucket/own", NEVER, openers);
  expect(listed.filter((call) => call === "s3://bucket/data")).toHaveLength(1);
  expect(listed.filter((call) => call === "s3://bucket/data _")).toHaveLength(2);
});

test("patterns match keys; one file is found by its name", async () => {
  const { files } = await find("s3://bucket/data/*.parquet", "s3://bucket/data/deep/er/d.arrow");
  expect(files.map(({ path }) => path)).toEqual([
    "s3://bucket/data/a.parquet",
    "s3://bucket/data/b.parquet",
    "s3://bucket/data/deep/er/d.arrow",
  ]);
});

test("what is not there is told with what is, and an output that is not published is no input", async () => {
  expect((await refusal("s3://bucket/data/a.parqet")).hint).toBe("did you mean `a.parquet`?");
  expect((await refusal("s3://bucket/data/*.csv")).problems[0]?.what).toBe(
    "no file matches in s3://bucket/data",
  );
  expect((await refusal("s3://bucket/out")).message).toContain("has not ended");
});
