import { readFile, stat } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { EXTENSIONS } from "#extensions";
import { planJob } from "../../coordinator/plan/plan-job.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { type Digest, digestFile } from "../../shared/core/digest.ts";
import { conversionOf, jobConversion, manifestConversion } from "../../shared/domain/conversion.ts";
import type { ModelFile, PlannedJob } from "../../shared/domain/job.ts";
import type { ConversionPart } from "../../shared/extension/conversion.ts";
import { readJobSource } from "../../shared/job-file/read-job-file.ts";
import { plainStyle } from "../../shared/terminal/style.ts";
import { JobFolder } from "../support/job-folder.ts";
import { suiteCovers } from "../support/needs.ts";

const parts = EXTENSIONS.flatMap(({ name, conversion }) =>
  conversion === undefined ? [] : { name, conversion },
);

suiteCovers(parts, "convert");

test("at most one extension converts models", () => {
  expect(parts.length).toBeLessThanOrEqual(1);
});

describe.each(parts)("the conversion of $name", ({ conversion }) => {
  const { key, values, faster } = conversion;
  const [usual, ...others] = values;
  let job: JobFolder;
  beforeAll(async () => {
    job = await JobFolder.make();
  });
  afterAll(() => job[Symbol.asyncDispose]());
  beforeEach(() => {
    vi.stubEnv("SHARDMILL_CACHE", job.at("cache"));
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const plan = async (value: string, check: object = {}): Promise<PlannedJob & { model: ModelFile }> => {
    await job.writeJob({ model: { path: "./model.onnx", device: "cpu", [key]: value, check } });
    const planned = await planJob((await readJobSource(job.job, { set: [], env: {} })).spec, {
      signal: NEVER,
    });
    return { ...planned, model: present(planned.model, "the job has a model") };
  };

  test("advises only values that it supports", () => {
    expect(others).toEqual(expect.arrayContaining(Object.values(faster)));
  });

  test("leaves the model unchanged for its first value, the default", async () => {
    const planned = await plan(usual);
    expect(planned.converted).toBeNull();
    expect(planned.model.path).toBe(job.at("model.onnx"));
    expect(conversionOf(planned.spec.model)).toBeNull();
    expect(conversionOf({})).toBeNull();
  });

  test.each(others)(
    "converts a model to %s once a cache, with the same signature and reproducible bytes",
    async (value) => {
      const [original, planned] = [await plan(usual), await plan(value)];
      const { model } = planned;
      const made = await stat(model.path, { bigint: true });
      expect(model.sha256).not.toBe(original.model.sha256);
      expect(model.signature).toEqual(original.model.signature);
      expect(await digestFile(model.path, NEVER)).toMatchObject({ sha256: model.sha256, bytes: model.bytes });
      // The same cache has it already: nothing is written again.
      expect((await plan(value)).model.path).toBe(model.path);
      const { ino, mtimeNs, ctimeNs } = await stat(model.path, { bigint: true });
      expect([ino, mtimeNs, ctimeNs]).toEqual([made.ino, made.mtimeNs, made.ctimeNs]);
      vi.stubEnv("SHARDMILL_CACHE", job.at("other-cache"));
      const again = await plan(value);
      expect(again.model.path).not.toBe(model.path);
      expect(Buffer.compare(await readFile(again.model.path), await readFile(model.path))).toBe(0);
    },
  );

  test("gives jobs with different values different digests", async () => {
    const digests: Digest[] = [];
    for (const value of values) digests.push((await plan(value)).digests.spec);
    expect(new Set(digests).size).toBe(values.length);
  });

  test.each(others)("compares %s with the original on rows of the job", async (value) => {
    const planned = await plan(value, { rows: 64, minCosine: 0.5, minAgreement: 0.5, maxBeyond: 1 });
    const { report, text, refusal } = await checked(conversion, planned);
    expect(refusal).toBeNull();
    expect(report).toMatchObject({ rows: 64, failedRows: 0, outputs: [{ tensor: "logits", ranked: true }] });
    expect(report.outputs[0]?.maxError).toBeGreaterThan(0);
    expect(text(plainStyle)).toContain("64 rows");
    const kept = manifestConversion(jobConversion(planned.spec.model, report));
    expect(kept).toEqual({ [key]: { [key]: value, ...report } });
  });

  test.each(others)("refuses %s for a job that allows no difference, and names the output", async (value) => {
    const { refusal } = await checked(conversion, await plan(value, { rows: 64, minCosine: 1 }));
    expect(refusal).toMatchObject({ code: "CONVERSION_LOSS" });
    expect(refusal?.problems).toContainEqual(expect.objectContaining({ where: "logits" }));
  });

  test.each(others)("stops the conversion to %s and its check when the signal aborts", async (value) => {
    const planned = await plan(value, { rows: 64 });
    const reason = new Error("stop");
    const converter = await conversion.load();
    const { original } = planned.converted ?? { original: planned.model };
    vi.stubEnv("SHARDMILL_CACHE", job.at(`cache-${value}`));
    await expect(converter.convert(original, value, AbortSignal.abort(reason))).rejects.toBe(reason);
    await expect(converter.check(planned, AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});

async function checked(conversion: ConversionPart, planned: PlannedJob) {
  return await (await conversion.load()).check(planned, NEVER);
}
