import { mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { KnownModels } from "../../../../coordinator/plan/model/known-models.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import type { ModelFile } from "../../../../shared/domain/job.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";

let folder = "";
let reads = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-known-"));
  reads = 0;
});
afterEach(() => rm(folder, { recursive: true }));

const looking = { stores: NO_STORES, signal: NEVER };

function reading(path: string, data: string) {
  return async (): Promise<ModelFile> => {
    reads += 1;
    const model: unknown = {
      path: parseLocation(path),
      externalData: [{ path: parseLocation(data) }],
      sha256: String(reads),
    };
    return model as ModelFile;
  };
}

it("a model is read only once while its files do not change", async () => {
  const [path, data] = [join(folder, "model.onnx"), join(folder, "weights.bin")];
  await Promise.all([writeFile(path, "model"), writeFile(data, "weights")]);
  const known = new KnownModels();
  const model = () => known.model(path, looking, reading(path, data));
  const first = await model();
  expect([await model(), reads]).toEqual([first, 1]);
  await utimes(data, 1, 1);
  expect([(await model()).sha256, reads]).toEqual(["2", 2]);
  await writeFile(path, "another");
  expect([(await model()).sha256, reads]).toEqual(["3", 3]);
});

it("a cached model is not used for a job that may not open it", async () => {
  const path = join(folder, "model.onnx");
  await writeFile(path, "model");
  const known = new KnownModels();
  await known.model(path, looking, reading(path, path));
  const refuse = () => Promise.reject(new Error("refused"));
  const stores = { ...NO_STORES, allowed: ["/elsewhere/"] };
  await expect(known.model(path, { ...looking, stores }, refuse)).rejects.toThrow("refused");
});

it("a model that changes while it is read is not cached", async () => {
  const path = join(folder, "model.onnx");
  await writeFile(path, "model");
  const known = new KnownModels();
  const changing = async () => {
    await writeFile(path, `model ${reads}`);
    await utimes(path, reads + 1, reads + 1);
    return await reading(path, path)();
  };
  await known.model(path, looking, changing);
  await known.model(path, looking, changing);
  expect(reads).toBe(2);
});
