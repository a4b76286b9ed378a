import { expect, test } from "vitest";
import { present } from "../../../../shared/core/assert.ts";
import { canonicalJson } from "../../../../shared/core/digest.ts";
import type { DeviceReport } from "../../../../shared/domain/accuracy.ts";
import { type LearnedBatch, NOTHING_LEARNED } from "../../../../worker/batch/batch-sizer.ts";
import type { LaneLayout } from "../../../../worker/lanes/lane-layout.ts";
import { type CheckKind, JobTuning } from "../../../../worker/tuning/job-tuning.ts";
import type { MachineFacts } from "../../../../worker/tuning/machine-facts.ts";
import type { TuningCache } from "../../../../worker/tuning/tuning-cache.ts";
import { aDigest } from "../../../support/ids.ts";
import { aJob, SUM_PLAN } from "../../../support/shard-job.ts";

const machine: MachineFacts = {
  device: "cpu",
  gpu: null,
  driver: null,
  cpu: "some cpu",
  platform: "linux-x64",
  onnxruntime: "1",
};
const plan: LaneLayout = { lanes: 2, threads: 1 };
const other: LaneLayout = { lanes: 1, threads: 2 };
const job = aJob({ partialsPath: "/partials" });

function memoryCache() {
  const values = new Map<string, unknown>();
  const cache: TuningCache = {
    recall: async (key) => values.get(canonicalJson(key)),
    remember: async (key, value) => void values.set(canonicalJson(key), value),
  };
  return { cache, values };
}

test("the next run recalls the learned batch size and adds to it", async () => {
  const { cache } = memoryCache();
  expect(await new JobTuning(cache, job, machine).recallBatch(plan)).toEqual(NOTHING_LEARNED);
  const cap = { length: null, units: 500 };
  await new JobTuning(cache, job, machine).rememberBatch(plan, { units: 256, caps: [] });
  await new JobTuning(cache, job, machine).rememberBatch(plan, { units: null, caps: [cap] });
  expect(await new JobTuning(cache, job, machine).recallBatch(plan)).toEqual({ units: 256, caps: [cap] });
});

test("nothing is recalled for another model, shape, output, device, machine or lane layout", async () => {
  const { cache } = memoryCache();
  await new JobTuning(cache, job, machine).rememberBatch(plan, { units: 256, caps: [] });
  const [input] = SUM_PLAN.inputs;
  const model = present(job.model, "the job has a model");
  const weights = { ...model, location: "weights.bin" };
  const jobs = [
    aJob({ ...job, model: { ...model, sha256: aDigest("other") } }),
    aJob({ ...job, map: { ...job.map, inputs: input === undefined ? [] : [{ ...input, rowDims: [3] }] } }),
    aJob({ ...job, map: { ...job.map, outputs: [] } }),
    aJob({ ...job, model: { ...model, externalData: [weights] } }),
  ];
  const machines: MachineFacts[] = [
    { ...machine, device: "cuda" },
    { ...machine, gpu: "some gpu" },
    { ...machine, driver: "some driver" },
    { ...machine, platform: "linux-arm64" },
    { ...machine, cpu: "another cpu" },
    { ...machine, onnxruntime: "2" },
  ];
  for (const each of jobs)
    expect(await new JobTuning(cache, each, machine).recallBatch(plan)).toEqual(NOTHING_LEARNED);
  for (const each of machines)
    expect(await new JobTuning(cache, job, each).recallBatch(plan)).toEqual(NOTHING_LEARNED);
  expect(await new JobTuning(cache, job, machine).recallBatch(other)).toEqual(NOTHING_LEARNED);
  // The names of its columns, and the places of its files, do not matter.
  const renamed = aJob({ partialsPath: "/elsewhere", name: "other" });
  expect(await new JobTuning(cache, renamed, machine).recallBatch(plan)).toMatchObject({ units: 256 });
});

test("a passed check is recalled only for the same check, device, driver and ONNX Runtime", async () => {
  const { cache } = memoryCache();
  const limits = { tolerance: 0.001, maxBeyond: 0, minCosine: 0.99, minAgreement: 0.98 };
  const report: DeviceReport = {
    worker: "w",
    device: "webgpu",
    gpu: null,
    onnxruntimeVersion: "1",
    remembered: false,
    refusal: null,
    rows: 256,
    failedRows: 0,
    seconds: 1,
    outputs: [],
    ...limits,
  };
  const webgpu: MachineFacts = { ...machine, device: "webgpu" };
  const check: CheckKind = { rows: 256, ranked: [], limits };
  await new JobTuning(cache, job, webgpu).rememberCheck(check, report);
  const recall = (facts: MachineFacts, changes: Partial<CheckKind> = {}) =>
    new JobTuning(cache, job, facts).recallCheck({ ...check, ...changes });
  expect(await recall(webgpu)).toEqual(report);
  expect(await recall(machine)).toBeNull();
  expect(await recall({ ...webgpu, driver: "/vk/other.json" })).toBeNull();
  expect(await recall({ ...webgpu, onnxruntime: "2" })).toBeNull();
  expect(await recall(webgpu, { limits: { ...limits, tolerance: 0.01 } })).toBeNull();
  // A check of a single row, or of values only, proves nothing about more rows, or about classes.
  expect(await recall(webgpu, { rows: 4_096 })).toBeNull();
  expect(await recall(webgpu, { ranked: ["logits"] })).toBeNull();
});

test("an invalid cache entry is ignored", async () => {
  const odd: unknown[] = [
    null,
    7,
    {},
    { units: 0, caps: [] },
    { units: 1.5, caps: [] },
    { units: 1, caps: [{}] },
  ];
  for (const value of odd) {
    const cache: TuningCache = { recall: async () => value, remember: async () => {} };
    const tuning = new JobTuning(cache, job, machine);
    expect(await tuning.recallBatch(plan)).toEqual<LearnedBatch>(NOTHING_LEARNED);
  }
});
