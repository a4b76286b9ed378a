import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { inspectModel } from "../../coordinator/plan/model/inspect-model.ts";
import { convertedModel } from "../../extensions/convert/converted-model.ts";
import type { ConversionReport } from "../../shared/domain/accuracy.ts";
import { externalMlp } from "../support/external-model.ts";
import { JobFolder, WIDTH } from "../support/job-folder.ts";
import { needs } from "../support/needs.ts";
import { mlpModel, onnxModel } from "../support/onnx-model.ts";
import { runCli, startCli } from "../support/processes.ts";
import { failing, refused } from "../support/refusals.ts";

/** Models in another precision: by the command, and in jobs. */

const MODEL = { path: "./model.onnx", device: "cpu" };

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make();
  await job.write("model.onnx", mlpModel({ inputs: WIDTH, hidden: 32, outputs: 3 }));
});
afterEach(() => {
  vi.unstubAllEnvs();
  return job[Symbol.asyncDispose]();
});

const cache = () => job.at("cache");
const env = () => ({ SHARDMILL_CACHE: cache() });
const useModel = (model: Readonly<Record<string, unknown>>) =>
  job.writeJob({ model: { ...MODEL, ...model } });
const run = (...args: readonly string[]) =>
  runCli(["run", job.job, "--workers", "1", ...args], { env: env() });

async function manifest(): Promise<{ precision: ConversionReport & { precision: string } }> {
  return JSON.parse(await readFile(job.at("out/_manifest.json"), "utf8"));
}

describe.each(["fp16", "int8"] as const)("a job with its model as %s", (precision) => {
  test("is checked on its own rows, and the manifest and the summary contain the results", async () => {
    await useModel({ precision });
    const ended = await run("--json");
    expect(ended, ended.stderr).toMatchObject({ code: 0 });
    expect(ended.stderr).toMatch(
      new RegExp(`as ${precision}, compared on 256 rows in .*\n.*agreement\nlogits `),
    );
    const { precision: report } = await manifest();
    expect(report).toMatchObject({ precision, rows: 256, failedRows: 0 });
    const [output] = report?.outputs ?? [];
    expect(output).toMatchObject({ tensor: "logits", ranked: true, notFiniteRows: 0 });
    // The result differs from the original.
    expect(output?.maxError).toBeGreaterThan(0);
    expect(output?.meanCosine).toBeGreaterThan(0.99);
    const { precision: _, ...check } = report;
    expect(JSON.parse(ended.stdout).conversion).toEqual({ key: "precision", value: precision, check });
    // A run that was published earlier reports it, too.
    const again = await run();
    expect(again.stdout).toMatch(
      new RegExp(`\n {2}precision +${precision}: cosine .*; agreement .* %.* \\(256 rows compared\\)\n`),
    );
  });
});

test("a model is converted once, and again when the cached file is incomplete", async () => {
  vi.stubEnv("SHARDMILL_CACHE", cache());
  const never = new AbortController().signal;
  const original = await inspectModel(job.at("model.onnx"), { signal: never });
  const { path } = (await convertedModel(original, "int8", never)).model;
  const names = await readdir(join(cache(), "models"));
  expect(names.sort()).toEqual([`${original.sha256}-int8-v1.onnx`, `${original.sha256}-int8-v1.onnx.json`]);
  const [before, bytes] = [await stat(path), await readFile(path)];
  await convertedModel(original, "int8", never);
  expect((await stat(path)).ino).toBe(before.ino);
  await writeFile(path, bytes.subarray(0, bytes.length / 2));
  await convertedModel(original, "int8", never);
  expect(Buffer.compare(await readFile(path), bytes)).toBe(0);
  expect((await readdir(join(cache(), "models"))).sort()).toEqual(names);
});

test("a job that differs by more than it allows fails before any work, with the measured value", async () => {
  await useModel({ precision: "int8", check: { minCosine: 1, minAgreement: 0 } });
  const { error } = await refused(job, ["run", job.job], { env: env() });
  expect(error).toMatchObject({
    code: "CONVERSION_LOSS",
    problems: [{ where: "logits", found: expect.stringMatching(/^0\.99\d+, the least /) }],
  });
});

needs("estimate")("an estimate also fails for a job that differs by more than it allows", async () => {
  await useModel({ precision: "int8", check: { minCosine: 1, minAgreement: 0 } });
  expect(await failing(["plan", job.job], { env: env() })).toMatchObject({
    code: 1,
    error: { code: "CONVERSION_LOSS" },
  });
});

test("values outside the range of float16 fail the check", async () => {
  const data = new Float32Array(WIDTH * 3).fill(60_000);
  await job.write(
    "model.onnx",
    onnxModel({
      inputs: [{ name: "input", dtype: "float32", dims: ["batch", WIDTH] }],
      outputs: [{ name: "logits", dtype: "float32", dims: ["batch", 3] }],
      nodes: [{ op: "MatMul", inputs: ["input", "w"], outputs: ["logits"] }],
      constants: [{ name: "w", dtype: "float32", dims: [WIDTH, 3], data }],
    }),
  );
  await useModel({ precision: "fp16" });
  const { error } = await refused(job, ["run", job.job], { env: env() });
  expect(error.code).toBe("CONVERSION_LOSS");
  expect(error.problems).toContainEqual(
    expect.objectContaining({ where: "logits", what: expect.stringContaining("NaN or infinite") }),
  );
});

test("without a check nothing is compared", async () => {
  await useModel({ precision: "int8", check: { rows: 0, minCosine: 1 } });
  const ended = await run("--json");
  expect(ended).toMatchObject({ code: 0, stderr: expect.not.stringContaining("compared") });
  expect(JSON.parse(ended.stdout).conversion).toEqual({ key: "precision", value: "int8", check: null });
  expect(await manifest()).toMatchObject({ precision: null });
});

test("workers without access to the cache and the weights fetch the converted file", async () => {
  const external = externalMlp({ inputs: WIDTH, hidden: 32, outputs: 3 });
  await job.write("model.onnx", external.model);
  await job.write(external.location, external.data);
  await useModel({ precision: "fp16" });
  await using coordinator = startCli(["coordinator", job.job, "--listen", "127.0.0.1:0"], { env: env() });
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  const args = [
    "worker",
    "--coordinator",
    address,
    "--device",
    "cpu",
    "--workers",
    "1",
    "--data",
    "coordinator",
  ];
  const status = async () => (await runCli(["status", "--coordinator", address, "--json"])).stdout;
  await expect
    .poll(async () => JSON.parse(await status())[0]?.conversion, { timeout: 90_000 })
    .toMatchObject({ key: "precision", value: "fp16", check: { rows: 256 } });
  await using worker = startCli(args);
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  expect((await manifest()).precision).toMatchObject({ precision: "fp16", rows: 256 });
});

test("another precision makes another job", async () => {
  expect(await run()).toMatchObject({ code: 0 });
  await useModel({ precision: "int8" });
  const { error } = await refused(job, ["run", job.job], { env: env() });
  expect(error.code).toBe("OUTPUT_OCCUPIED");
});

test("an unwritable cache fails with CACHE_FAILED and a hint", async () => {
  await useModel({ precision: "int8" });
  await job.write("cache", "a file");
  const { error } = await refused(job, ["run", job.job], { env: env() });
  expect(error).toMatchObject({ code: "CACHE_FAILED", hint: expect.stringContaining("SHARDMILL_CACHE") });
});

describe("convert", () => {
  const convert = (...args: readonly string[]) => ["convert", job.at("model.onnx"), ...args];

  test("writes one file with the same bytes each time, and reports the result", async () => {
    const external = externalMlp({ inputs: WIDTH, hidden: 32, outputs: 3 });
    await job.write("model.onnx", external.model);
    await job.write(external.location, external.data);
    const output = job.at("half.onnx");
    const first = await runCli(convert("--precision", "fp16", "-o", output));
    expect(first, first.stderr).toMatchObject({ code: 0, stdout: expect.stringContaining("5 of 5 nodes") });
    const bytes = await readFile(output);
    const again = await runCli(convert("--precision", "fp16", "-o", output, "--force", "--json"));
    expect(JSON.parse(again.stdout)).toMatchObject({
      output,
      bytesBefore: external.model.length + external.data.length,
      bytesAfter: bytes.length,
      left: [],
    });
    expect(Buffer.compare(await readFile(output), bytes)).toBe(0);
  });

  test("replaces no file without --force or after a failure, and leaves no other file", async () => {
    const output = await job.write("half.onnx", "mine");
    const names = await readdir(job.path);
    const { error, code } = await failing(convert("--precision", "fp16", "-o", output));
    expect([error.code, code]).toEqual(["OUTPUT_OCCUPIED", 2]);
    expect(await readFile(output, "utf8")).toBe("mine");
    await job.write("model.onnx", "no model");
    const broken = await failing(convert("--precision", "int8", "-o", output, "--force"));
    expect([broken.error.code, broken.code]).toEqual(["MODEL_INVALID", 2]);
    expect(await readFile(output, "utf8")).toBe("mine");
    expect(await readdir(job.path)).toEqual(names);
  });

  test.each([
    ["an unknown precision", ["--precision", "int4", "-o", "x.onnx"]],
    ["no precision", ["-o", "x.onnx"]],
    ["no output", ["--precision", "int8"]],
  ])("refuses %s", async (_what, args) => {
    expect(await failing(convert(...args), { cwd: job.path })).toMatchObject({
      code: 2,
      error: { code: "ARGUMENT_INVALID" },
    });
  });
});
