import { beforeAll, expect, test } from "vitest";
import { discoverFiles } from "../../../../../coordinator/plan/input/discover.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { isShardmillError, ShardmillError } from "../../../../../shared/core/errors.ts";
import { type Location, parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import type { Entry, Storage } from "../../../../../shared/storage/storage.ts";

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
  for (const key of KEYS)
    await bucket.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key), { signal: NEVER });
});

async function find(...path: readonly string[]) {
  calls.length = 0;
  return await discoverFiles({ path, format: "auto" }, "s3://bucket/own", {
    openers: { s3: async () => bucket },
    signal: NEVER,
  });
}

async function refusal(path: string): Promise<ShardmillError> {
  const error = await find(path).catch((reason: unknown) => reason);
  if (isShardmillError(error, "INPUT_NOT_FOUND")) return error;
  throw error;
}

test("a folder of a bucket is walked like one on a disk, and its files are requested no more", async () => {
  const { files, skippedFiles } = await find("s3://bucket/data");
  const requested = calls.map(({ call, location }) => `${call} ${location}`);
  expect(files.map(({ path }) => path)).toEqual([
    "s3://bucket/data/a.parquet",
    "s3://bucket/data/b.parquet",
    "s3://bucket/data/deep/er/d.arrow",
  ]);
  expect(skippedFiles.map(({ reason, examples }) => [reason, examples])).toEqual([
    ["hidden", ["s3://bucket/data/_old"]],
    ["otherEnding", ["s3://bucket/data/notes.txt"]],
  ]);
  for (const { path, bytes, version } of files)
    expect(await bucket.stat(path, NEVER)).toEqual({ bytes, version });
  // The listings have the size and version of each file.
  expect(requested).toContain("list s3://bucket/data");
  expect(requested.filter((request) => /\.[a-z]+$/.test(request))).toEqual([]);
});

test("a folder is listed in full once, and with a prefix to detect an output", async () => {
  const listed: string[] = [];
  class Watched extends MemoryStorage {
    override list(...call: Parameters<MemoryStorage["list"]>): ReturnType<MemoryStorage["list"]> {
      listed.push(`${call[0]} ${call[1]?.prefix ?? ""}`.trim());
      return super.list(...call);
    }
  }
  const watched = new Watched();
  for (const key of KEYS)
    await watched.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key), { signal: NEVER });
  const openers = { s3: async () => watched };
  await discoverFiles({ path: ["s3://bucket/data"], format: "auto" }, "s3://bucket/own", {
    openers,
    signal: NEVER,
  });
  expect(listed.filter((call) => call === "s3://bucket/data")).toHaveLength(1);
  expect(listed.filter((call) => call === "s3://bucket/data _")).toHaveLength(2);
});

test("patterns match keys, and a single file is found by its name", async () => {
  const { files } = await find("s3://bucket/data/*.parquet", "s3://bucket/data/deep/er/d.arrow");
  expect(files.map(({ path }) => path)).toEqual([
    "s3://bucket/data/a.parquet",
    "s3://bucket/data/b.parquet",
    "s3://bucket/data/deep/er/d.arrow",
  ]);
});

test("a missing input fails with a suggestion, and an unpublished output is refused as input", async () => {
  expect((await refusal("s3://bucket/data/a.parqet")).hint).toBe("did you mean `a.parquet`?");
  expect((await refusal("s3://bucket/data/*.csv")).problems[0]?.what).toBe(
    "no file matches in s3://bucket/data",
  );
  expect((await refusal("s3://bucket/out")).message).toContain("has not ended");
});

/** Returns the error for a path, when `s3://` opens this storage. */
async function refusalOf(path: string, storage: Storage): Promise<ShardmillError> {
  const find = discoverFiles({ path: [path], format: "auto" }, "/none", {
    openers: { s3: async () => storage },
    signal: NEVER,
  });
  const error = await find.catch((reason: unknown) => reason);
  if (isShardmillError(error, "INPUT_NOT_FOUND")) return error;
  throw error;
}

test.each([
  ["s3://bucket/data", "stat", "s3://bucket/data", "cannot be read"],
  ["s3://bucket/data/*.parquet", "stat", "s3://bucket/data", "cannot be read"],
  ["s3://bucket/data/*.parquet", "list", "s3://bucket/data", "cannot be listed"],
  ["s3://bucket/done", "rows", "s3://bucket/done/rows", "cannot be read"],
])(
  "a refusal by the store is reported with its hint, not as a missing file (%s, by %s)",
  async (path, what, where, said) => {
    let refuses = false;
    const storage = new MemoryStorage({
      before: async ({ call, location }) => {
        if (refuses && (call === what || location.endsWith(`/${what}`)))
          throw new ShardmillError("STORE_REFUSED", "no credentials", { hint: "set AWS_PROFILE" });
      },
    });
    const manifest = '{ "formatVersion": 1, "outputDigest": "" }';
    await storage.put(parseLocation("s3://bucket/data/a.parquet"), sourceOfBytes("a"), { signal: NEVER });
    await storage.put(parseLocation("s3://bucket/done/_manifest.json"), sourceOfBytes(manifest), {
      signal: NEVER,
    });
    await storage.put(parseLocation("s3://bucket/done/rows/a.parquet"), sourceOfBytes("a"), {
      signal: NEVER,
    });
    refuses = true;
    const error = await refusalOf(path, storage);
    expect(error.problems).toEqual([{ where, what: `${said}: no credentials`, hint: "set AWS_PROFILE" }]);
    expect(error.hint).toBe("set AWS_PROFILE");
  },
);

test("a name that cannot be part of an address is refused with the reason of its storage", async () => {
  class Odd extends MemoryStorage {
    override async *list(...call: Parameters<MemoryStorage["list"]>): AsyncGenerator<readonly Entry[]> {
      yield* super.list(...call);
      const unnameable = { shown: "(no name)/", why: "a part of its key is empty" };
      yield [{ name: "", kind: "folder", stat: null, unnameable }];
    }
  }
  const odd = new Odd();
  await odd.put(parseLocation("s3://bucket/data/a.parquet"), sourceOfBytes("a"), { signal: NEVER });
  expect((await refusalOf("s3://bucket/data", odd)).problems).toEqual([
    { where: "s3://bucket/data/(no name)/", what: "a part of its key is empty", hint: "rename it" },
  ]);
});

test.each([
  ["to detect an output", "s3://bucket/data", "s3://bucket/data _"],
  ["for its files", "s3://bucket/data", "s3://bucket/data"],
  ["for similar names", "s3://bucket/data/b.parquet", "s3://bucket/data"],
])("an abort stops the listing of a folder %s", async (_, path, hanging) => {
  const reason = new Error("enough");
  const stop = new AbortController();
  class Hanging extends MemoryStorage {
    override async *list(
      folder: Location,
      options: Parameters<MemoryStorage["list"]>[1] = { signal: NEVER },
    ) {
      const { prefix = "", signal } = options;
      if (`${folder} ${prefix}`.trim() === hanging) {
        queueMicrotask(() => stop.abort(reason));
        await new Promise((_resolve, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason)),
        );
      }
      yield* super.list(folder, options);
    }
  }
  const storage = new Hanging();
  await storage.put(parseLocation("s3://bucket/data/a.parquet"), sourceOfBytes("a"), { signal: NEVER });
  const input = { path: [path], format: "auto" } as const;
  const found = discoverFiles(input, "/none", { openers: { s3: async () => storage }, signal: stop.signal });
  await expect(found).rejects.toBe(reason);
});

test("many folders are listed concurrently, and the order of their answers does not affect the result", async () => {
  let [atOnce, most] = [0, 0];
  class Slow extends MemoryStorage {
    override async *list(...call: Parameters<MemoryStorage["list"]>): AsyncGenerator<readonly Entry[]> {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await new Promise((resolve) => setTimeout(resolve, 10 * Math.random()));
      yield* super.list(...call);
      atOnce -= 1;
    }
  }
  const slow = new Slow();
  const keys = Array.from({ length: 60 }, (_, at) => `data/y=${at % 5}/m=${at % 12}/${at}.parquet`);
  for (const key of keys)
    await slow.put(parseLocation(`s3://bucket/${key}`), sourceOfBytes(key), { signal: NEVER });
  const { files } = await discoverFiles({ path: ["s3://bucket/data"], format: "auto" }, "s3://bucket/own", {
    openers: { s3: async () => slow },
    signal: NEVER,
  });
  expect(files.map(({ path }) => path)).toEqual(keys.map((key) => `s3://bucket/${key}`).sort());
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(16);
});

test("a missing file in a folder that cannot be listed has a hint that names the folder", async () => {
  class Closed extends MemoryStorage {
    // biome-ignore lint/correctness/useYield: it fails before
    override async *list(): AsyncGenerator<readonly Entry[]> {
      throw new ShardmillError("STORE_REFUSED", "no listing for you");
    }
    override async kindAt(location: Location) {
      return location === "s3://bucket/data" ? ("folder" as const) : null;
    }
  }
  const found = discoverFiles({ path: ["s3://bucket/data/a.parquet"], format: "auto" }, "s3://bucket/own", {
    openers: { s3: async () => new Closed() },
    signal: NEVER,
  });
  await expect(found).rejects.toMatchObject({
    code: "INPUT_NOT_FOUND",
    problems: [{ where: "s3://bucket/data/a.parquet", hint: "look in s3://bucket/data" }],
  });
});

test("an unavailable store fails with STORE_FAILED, not as missing input", async () => {
  const fields = { throttled: false };
  class Down extends MemoryStorage {
    override kindAt(): never {
      throw new ShardmillError("STORE_FAILED", "s3://bucket/data cannot be reached", { fields });
    }
  }
  const openers = { s3: async () => new Down() };
  const found = discoverFiles({ path: ["s3://bucket/data"], format: "auto" }, "/out", {
    openers,
    signal: NEVER,
  });
  await expect(found).rejects.toMatchObject({ code: "STORE_FAILED", problems: [{ code: "STORE_FAILED" }] });
});
