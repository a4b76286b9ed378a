import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { readModelFile } from "../../coordinator/plan/model/model-file.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { externalMlp } from "../support/external-model.ts";
import { CLASSES, WIDTH } from "../support/known-job.ts";

/** Models in a bucket. They are fetched once, and all readers use the copies. */

const never = new AbortController().signal;
const external = externalMlp({ inputs: WIDTH, hidden: 16, outputs: CLASSES });
const MODELS = parseLocation("s3://bucket/models");
const MODEL = below(MODELS, "model.onnx");

class CountedStorage extends MemoryStorage {
  readonly seen: Location[] = [];

  override read(...wanted: Parameters<MemoryStorage["read"]>): ReturnType<MemoryStorage["read"]> {
    this.seen.push(wanted[0]);
    return super.read(...wanted);
  }
}

let bucket: CountedStorage;
let cache: string;
const before = process.env.SHARDMILL_CACHE;
beforeEach(async () => {
  bucket = new CountedStorage();
  cache = await mkdtemp(join(tmpdir(), "shardmill-elsewhere-"));
  process.env.SHARDMILL_CACHE = cache;
});
afterEach(async () => {
  if (before === undefined) delete process.env.SHARDMILL_CACHE;
  else process.env.SHARDMILL_CACHE = before;
  await rm(cache, { recursive: true });
});

const openers = { s3: async () => bucket };
const put = (name: string, bytes: Uint8Array | string) =>
  bucket.put(below(MODELS, name), sourceOfBytes(bytes), { signal: NEVER });
const putModel = async () => {
  await put("model.onnx", external.model);
  await put(external.location, external.data);
};
const flipped = external.data.map((byte) => byte ^ 1);

test("a model in a bucket has the signature and digests of local files, and its files are copies", async () => {
  const folder = join(cache, "here");
  await mkdir(join(folder, dirname(external.location)), { recursive: true });
  await writeFile(join(folder, "model.onnx"), external.model);
  await writeFile(join(folder, external.location), external.data);
  await putModel();
  const here = await inspectModel(join(folder, "model.onnx"), { signal: never });
  const there = await inspectModel(MODEL, { openers, signal: never });
  const copies = dirname(there.path);
  expect(there).toEqual({
    ...here,
    path: join(copies, "model.onnx"),
    externalData: here.externalData.map((file) => ({ ...file, path: join(copies, file.location) })),
  });
  expect(modelDigest(there)).toBe(modelDigest(here));
  expect(copies.startsWith(join(cache, "fetched"))).toBe(true);
});

test("a model is fetched once, until a version changes or a copy is damaged", async () => {
  await putModel();
  const read = async () => {
    bucket.seen.length = 0;
    const model = await readModelFile(MODEL, { openers, signal: never });
    return { model, read: [...bucket.seen] };
  };
  const first = await read();
  const data = below(MODELS, external.location);
  expect(first.read).toEqual([MODEL, data]);
  expect(await read()).toEqual({ model: first.model, read: [] });

  const [copy] = first.model.externalData;
  await writeFile(copy?.path ?? "", flipped);
  expect(await read()).toEqual(first);
  expect(new Uint8Array(await readFile(copy?.path ?? ""))).toEqual(new Uint8Array(external.data));

  await put(external.location, flipped);
  const second = await read();
  expect(modelDigest(second.model)).not.toBe(modelDigest(first.model));
  expect(second.read).toEqual([MODEL, data]);
  // Jobs that were planned with the previous model still have it.
  expect(new Uint8Array(await readFile(copy?.path ?? ""))).toEqual(new Uint8Array(external.data));
});

test("a model that is replaced while it is fetched is refused, and no copy is kept", async () => {
  await putModel();
  const read = bucket.read.bind(bucket);
  bucket.read = async (location, ...range) => {
    if (location !== MODEL) await put(external.location, flipped);
    return await read(location, ...range);
  };
  await expect(readModelFile(MODEL, { openers, signal: never })).rejects.toMatchObject({
    code: "MODEL_CHANGED",
    fields: { path: MODEL },
  });
  expect(await readdir(join(cache, "fetched"))).toEqual([]);
});

test("copies that are unused for a month are removed when another model is fetched", async () => {
  await putModel();
  await readModelFile(MODEL, { openers, signal: never });
  const old = new Date(Date.now() - 31 * 24 * 3_600_000);
  const fetched = join(cache, "fetched");
  const names = await readdir(fetched);
  for (const name of names) await utimes(join(fetched, name), old, old);
  await put("other.onnx", external.model);
  await readModelFile(below(MODELS, "other.onnx"), { openers, signal: never });
  const left = await readdir(fetched);
  expect(left).toHaveLength(2);
  expect(names.filter((name) => left.includes(name))).toEqual([]);
});

test("an invalid model and a model without its weights are refused by their location", async () => {
  await put("words.onnx", "no model at all");
  await put("model.onnx", external.model);
  for (const path of [MODEL, below(MODELS, "words.onnx")]) {
    await expect(inspectModel(path, { openers, signal: never })).rejects.toMatchObject({
      code: "MODEL_INVALID",
      fields: { path },
    });
  }
  await expect(inspectModel(below(MODELS, "modal.onnx"), { openers, signal: never })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    hint: "did you mean `model.onnx`?",
  });
});

test("a model that names a file outside its folder is refused before the file is requested", async () => {
  const name = external.location;
  const outside = name.replace(/^[^/]*/, (first) => "..".padEnd(first.length, "/"));
  const text = Buffer.from(external.model).toString("latin1").replaceAll(name, outside);
  await put("model.onnx", new Uint8Array(Buffer.from(text, "latin1")));
  await expect(readModelFile(MODEL, { openers, signal: never })).rejects.toMatchObject({
    code: "MODEL_INVALID",
    fields: { path: MODEL, location: outside },
  });
  expect(bucket.seen).toEqual([MODEL]);
});
