import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FailureJudge } from "../../../../coordinator/job/failure-judge.ts";
import type { FailureReason } from "../../../../coordinator/schedule/state/record.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { realDisk } from "../../../../shared/core/disk.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { NO_STORES } from "../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { anInputFile } from "../../../support/builders.ts";

let folder: string;
let path: string;
const NO_STEPS = { prepare: [], finish: [] };
let judge: FailureJudge;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-judge-"));
  path = join(folder, "a.parquet");
  await writeFile(path, "12345");
  await writeFile(join(folder, "m.onnx"), "model");
  const { version } = await realDisk.stat(path);
  judge = new FailureJudge({
    stores: NO_STORES,
    dataset: { files: [anInputFile({ path, bytes: 5, version })] },
    model: {
      path: parseLocation(join(folder, "m.onnx")),
      sha256: sha256(Buffer.from("model")),
      externalData: [],
    },
    map: NO_STEPS,
    stages: [],
    reductions: {},
    tables: {},
  });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function said(code: FailureReason["code"], where = path): FailureReason {
  return { code, message: "it changed", fields: { path: where }, hint: "start over" };
}

describe("a worker's report of INPUT_CHANGED", () => {
  test("becomes WORKER_UNFIT while the coordinator finds the file as planned", async () => {
    const judged = await judge.judge(said("INPUT_CHANGED"));
    expect(judged).toMatchObject({ code: "WORKER_UNFIT", fields: { path } });
    expect(judged.message).toContain("it changed");
  });

  test.each<[string, () => Promise<void>]>([
    ["is missing", () => rm(path)],
    ["has another size", () => writeFile(path, "123456")],
    ["has another modification time", () => writeFile(path, "54321")],
  ])("is passed on if the coordinator also finds that the file %s", async (_how, change) => {
    await change();
    expect(await judge.judge(said("INPUT_CHANGED"))).toEqual(said("INPUT_CHANGED"));
  });

  test("is passed on if the coordinator does not know the file", async () => {
    const reason = said("INPUT_CHANGED", "/elsewhere");
    expect(await judge.judge(reason)).toEqual(reason);
  });
});

test("a worker's report of MODEL_CHANGED is checked against the model that the coordinator reads", async () => {
  const before = await Promise.all([1, 2].map(() => judge.judge(said("MODEL_CHANGED"))));
  expect(before.map(({ code }) => code)).toEqual(["WORKER_UNFIT", "WORKER_UNFIT"]);
  await writeFile(join(folder, "m.onnx"), "other");
  expect(await judge.judge(said("MODEL_CHANGED"))).toEqual(said("MODEL_CHANGED"));
});

test("reports about files in a bucket are checked in the bucket", async () => {
  const bucket = new MemoryStorage();
  const at = (name: string) => parseLocation(`s3://bucket/${name}`);
  const put = (name: string, content: string) =>
    bucket.put(at(name), sourceOfBytes(content), { signal: NEVER });
  await put("a.parquet", "12345");
  await put("m.onnx", "model");
  const input = anInputFile({ path: at("a.parquet"), ...(await bucket.stat(at("a.parquet"), NEVER)) });
  const model = { path: at("m.onnx"), sha256: sha256(Buffer.from("model")), externalData: [] };
  const files = {
    stores: NO_STORES,
    dataset: { files: [input] },
    model,
    map: NO_STEPS,
    stages: [],
    reductions: {},
    tables: {},
  };
  const judged = new FailureJudge(files, { s3: async () => bucket });
  const words = [said("INPUT_CHANGED", at("a.parquet")), said("MODEL_CHANGED")];
  const codes = async () =>
    (await Promise.all(words.map((word) => judged.judge(word)))).map(({ code }) => code);
  expect(await codes()).toEqual(["WORKER_UNFIT", "WORKER_UNFIT"]);
  await put("a.parquet", "54321");
  await put("m.onnx", "other");
  expect(await codes()).toEqual(["INPUT_CHANGED", "MODEL_CHANGED"]);
});

test("a report of a change becomes STORE_FAILED if the coordinator cannot reach the store either", async () => {
  const gone = new ShardmillError("STORE_FAILED", "no name server knows vpn.invalid");
  const bucket = new MemoryStorage({
    before: async () => {
      throw gone;
    },
  });
  const at = (name: string) => parseLocation(`s3://bucket/${name}`);
  const input = anInputFile({ path: at("a.parquet"), bytes: 5, version: "v1" });
  const model = { path: at("m.onnx"), sha256: sha256(Buffer.from("model")), externalData: [] };
  const files = {
    stores: NO_STORES,
    dataset: { files: [input] },
    model,
    map: NO_STEPS,
    stages: [],
    reductions: {},
    tables: {},
  };
  const judged = new FailureJudge(files, { s3: async () => bucket });
  for (const word of [said("INPUT_CHANGED", at("a.parquet")), said("MODEL_CHANGED")])
    expect(await judged.judge(word)).toMatchObject({
      code: "STORE_FAILED",
      message: expect.stringMatching(/no name server knows vpn\.invalid.*it changed/),
    });
});

test("a report of INPUT_CORRUPT is passed on unchanged", async () => {
  expect(await judge.judge(said("INPUT_CORRUPT"))).toEqual(said("INPUT_CORRUPT"));
});

test("store failures by throttling, network or credentials become STORE_UNAVAILABLE, and others stay", async () => {
  const failed = (code: FailureReason["code"], fields: FailureReason["fields"]) => ({
    ...said(code),
    fields,
  });
  const codes = await Promise.all(
    [
      failed("STORE_FAILED", { throttled: true }),
      failed("STORE_FAILED", { throttled: false }),
      failed("STORE_REFUSED", { throttled: false }),
      failed("STORE_FAILED", { errno: "EIO" }),
      failed("STORE_REFUSED", { status: 403 }),
    ].map(async (reason) => (await judge.judge(reason)).code),
  );
  const unavailable = "STORE_UNAVAILABLE";
  expect(codes).toEqual([unavailable, unavailable, unavailable, "STORE_FAILED", "STORE_REFUSED"]);
});
