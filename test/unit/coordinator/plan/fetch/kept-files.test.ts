import { mkdtemp, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { fetchTogether } from "../../../../../coordinator/plan/fetch/kept-files.ts";
import { below, parseLocation } from "../../../../../shared/domain/location.ts";
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
  storage.put(below(FOLDER, name), sourceOfBytes(text));

function fetchModel(storage: MemoryStorage) {
  const wanted = {
    location: below(FOLDER, "model"),
    name: "model",
    others: async () => ["data"],
    locate: (name: string) => below(FOLDER, name),
  };
  return fetchTogether(wanted, { storage, stores: { settings: {} }, signal });
}

test("contents that are kept for long and come again under another version are kept from then on", async () => {
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

test("files of two publications are not accepted as one", async () => {
  let isReplaced = false;
  const storage: MemoryStorage = new MemoryStorage({
    // The second publication comes when the model has been read, and before its data is looked at.
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
