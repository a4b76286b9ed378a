import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { withLocalModel } from "../../coordinator/plan/model/local-model.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { MemoryStorage } from "../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { externalMlp } from "../support/external-model.ts";
import { CLASSES, WIDTH } from "../support/known-job.ts";

/** Models that are in a storage whose files have no paths: planning's processes load copies. */

const never = new AbortController().signal;
const external = externalMlp({ inputs: WIDTH, hidden: 16, outputs: CLASSES });
const MODELS = parseLocation("s3://bucket/models");
const MODEL = below(MODELS, "model.onnx");

let bucket: MemoryStorage;
let temp: string;
const before = process.env.TMPDIR;
beforeEach(async () => {
  bucket = new MemoryStorage();
  temp = await mkdtemp(join(tmpdir(), "shardmill-elsewhere-"));
  process.env.TMPDIR = temp;
});
afterEach(async () => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  await rm(temp, { recursive: true });
});

const openers = { s3: async () => bucket };
const put = (name: string, bytes: Uint8Array | string) =>
  bucket.put(below(MODELS, name), sourceOfBytes(bytes));

test("its signature and digests are those of the same files on a disk, and no copy is left", async () => {
  const folder = await mkdtemp(join(tmpdir(), "here-"));
  await writeFile(join(folder, "model.onnx"), external.model);
  await mkdir(join(folder, dirname(external.location)));
  await writeFile(join(folder, external.location), external.data);
  await put("model.onnx", external.model);
  await put(external.location, external.data);
  const [here, there] = [
    await inspectModel(join(folder, "model.onnx"), never),
    await inspectModel(MODEL, never, { openers }),
  ];
  expect(there).toEqual({
    ...here,
    path: MODEL,
    externalData: here.externalData.map((file) => ({ ...file, path: below(MODELS, file.location) })),
  });
  expect(modelDigest(there)).toBe(modelDigest(here));
  expect(await readdir(temp)).toEqual([basename(folder)]);
});

test("one that is no model, and one whose weights are not there, are refused by their own location", async () => {
  await put("words.onnx", "no model at all");
  await put("model.onnx", external.model);
  for (const path of [MODEL, below(MODELS, "words.onnx")]) {
    await expect(inspectModel(path, never, { openers })).rejects.toMatchObject({
      code: "MODEL_INVALID",
      fields: { path },
    });
  }
  await expect(inspectModel(below(MODELS, "modal.onnx"), never, { openers })).rejects.toMatchObject({
    code: "MODEL_NOT_FOUND",
    hint: "did you mean `model.onnx`?",
  });
  expect(await readdir(temp)).toEqual([]);
});

test("weights that change between two looks are noticed", async () => {
  await put("model.onnx", external.model);
  await put(external.location, external.data);
  const model = await inspectModel(MODEL, never, { openers });
  const local = await withLocalModel(
    model,
    async ({ path, externalData }) => [path, externalData[0]?.path],
    openers,
  );
  expect(local).toEqual([expect.stringContaining(temp), expect.stringContaining(temp)]);
  await put(
    external.location,
    external.data.map((byte) => byte ^ 1),
  );
  await expect(withLocalModel(model, async () => {}, openers)).rejects.toMatchObject({
    code: "MODEL_CHANGED",
    fields: { path: below(MODELS, external.location) },
  });
});
