import { mkdtemp, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { normalize } from "node:path/posix";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fetchTogether } from "../../../../../coordinator/plan/fetch/cached-files.ts";
import type { TimedClock } from "../../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../../shared/core/errors.ts";
import { below, parseLocation } from "../../../../../shared/domain/location.ts";
import { FetchProgress } from "../../../../../shared/storage/fetch-progress.ts";
import { MemoryStorage } from "../../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";

const FOLDER = parseLocation("s3://bucket/models");
const { signal } = new AbortController();

let cache: string;
const before = process.env.SHARDMILL_CACHE;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "shardmill-kept-"));
  process.env.SHARDMILL_CACHE = cache;
});
afterEach(async () => {
  if (before === undefined) delete process.env.SHARDMILL_CACHE;
  else process.env.SHARDMILL_CACHE = before;
  await rm(cache, { recursive: true });
});

const put = (storage: MemoryStorage, name: string, text: string) =>
  storage.put(below(FOLDER, name), sourceOfBytes(text), { signal });

interface Fetch {
  /** Names of the model's other files. */
  readonly others?: readonly string[];
  readonly progress?: FetchProgress;
  readonly clock?: TimedClock;
}

function fetchModel(storage: MemoryStorage, { others = ["data"], ...options }: Fetch = {}) {
  const wanted = {
    location: below(FOLDER, "model"),
    name: "model",
    others: async () => others,
    locate: (name: string) => below(FOLDER, normalize(name)),
  };
  return fetchTogether(wanted, { storage, stores: { settings: {} }, signal, ...options });
}

test("contents that were cached long ago and come again under another version stay cached", async () => {
  const storage = new MemoryStorage();
  await put(storage, "model", "m");
  await put(storage, "data", "d");
  const [first] = await fetchModel(storage);
  const longAgo = new Date(Date.now() - 60 * 24 * 3_600_000);
  await utimes(dirname(first?.path ?? ""), longAgo, longAgo);
  await put(storage, "model", "m");
  const [again] = await fetchModel(storage);
  expect(again?.path).toBe(first?.path);
  expect(await readFile(again?.path ?? "", "utf8")).toBe("m");
});

test("a model that is replaced while it is fetched fails with STORE_CHANGED", async () => {
  let isReplaced = false;
  const storage: MemoryStorage = new MemoryStorage({
    // The second version is published after the model is read, and before its data is checked.
    async before({ call, location }) {
      if (isReplaced || call !== "stat" || location !== below(FOLDER, "data")) return;
      isReplaced = true;
      await put(storage, "model", "new m");
      await put(storage, "data", "new d");
    },
  });
  await put(storage, "model", "m");
  await put(storage, "data", "d");
  await expect(fetchModel(storage)).rejects.toMatchObject({
    code: "STORE_CHANGED",
    fields: { path: below(FOLDER, "model") },
  });
  const texts = await Promise.all((await fetchModel(storage)).map(({ path }) => readFile(path, "utf8")));
  expect(texts).toEqual(["new m", "new d"]);
});

test("the total size is known before the first byte of the large files, and progress ends with the fetch", async () => {
  const progress = new FetchProgress({ nowMs: () => 0 });
  const seen: string[] = [];
  const storage = new MemoryStorage({
    async before({ call, location }) {
      const { bytes, totalBytes } = progress.now() ?? {};
      if (call === "read") seen.push(`${location.at(-1)}: ${bytes} of ${totalBytes}`);
    },
  });
  await put(storage, "model", "mm");
  await put(storage, "data", "ddd");
  await put(storage, "more", "eeee");
  await fetchModel(storage, { others: ["data", "more"], progress });
  expect(seen).toEqual(["l: 0 of 2", "a: 2 of 9", "e: 5 of 9"]);
  expect(progress.now()).toBeNull();
});

test("if one of the data files is missing, none of them is fetched", async () => {
  const progress = new FetchProgress({ nowMs: () => 0 });
  const read: string[] = [];
  const storage = new MemoryStorage({
    async before({ call, location }) {
      if (call === "read") read.push(location);
    },
  });
  await put(storage, "model", "m");
  await put(storage, "data", "d");
  const fetching = fetchModel(storage, { others: ["data", "gone"], progress });
  await expect(fetching).rejects.toMatchObject({ code: "STORE_NOT_FOUND" });
  expect(read).toEqual([below(FOLDER, "model")]);
  expect(progress.now()).toBeNull();
});

test("a file that is listed under several names is read once", async () => {
  const read: string[] = [];
  const storage = new MemoryStorage({
    async before({ call, location }) {
      if (call === "read") read.push(location);
    },
  });
  await put(storage, "model", "m");
  await put(storage, "data", "d");
  const files = await fetchModel(storage, { others: ["data", "./data", "model"] });
  expect(files.map(({ name, bytes }) => [name, bytes])).toEqual([
    ["model", 1],
    ["data", 1],
    ["./data", 1],
    ["model", 1],
  ]);
  expect(read).toEqual([below(FOLDER, "model"), below(FOLDER, "data")]);
});

/** Returns a store whose data cannot be read for some seconds, and a clock that does not wait. */
async function aStoreThatIsAway(seconds: number) {
  let nowMs = 0;
  const tries: number[] = [];
  const clock: TimedClock = {
    nowMs: () => nowMs,
    wallMs: () => nowMs,
    after(ms, call) {
      nowMs += ms;
      setImmediate(call);
      return () => {};
    },
  };
  const storage = new MemoryStorage({
    async before({ call, location }) {
      if (call !== "read" || location !== below(FOLDER, "data")) return;
      tries.push(nowMs);
      if (nowMs < seconds * 1_000) throw new ShardmillError("STORE_FAILED", "connect ECONNREFUSED");
    },
  });
  await put(storage, "model", "m");
  await put(storage, "data", "d");
  return { storage, clock, tries };
}

test("a store that is unavailable for less than a minute during a fetch is retried", async () => {
  const { storage, clock, tries } = await aStoreThatIsAway(50);
  const [, data] = await fetchModel(storage, { clock });
  expect(await readFile(data?.path ?? "", "utf8")).toBe("d");
  expect(tries).toHaveLength(51);
});

test("a store that stays unavailable fails the fetch after a minute", async () => {
  const { storage, clock, tries } = await aStoreThatIsAway(1_000);
  await expect(fetchModel(storage, { clock })).rejects.toMatchObject({ code: "STORE_FAILED" });
  expect(tries.at(-1)).toBe(61_000);
});
