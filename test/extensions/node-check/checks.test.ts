import { describe, expect, test } from "vitest";
import {
  CHECKS,
  type CheckedDevice,
  type CheckName,
  type DeviceReport,
  hasFailed,
  type JobFacts,
  judgeHalving,
  judgeJob,
  type Outcome,
  outcome,
  shareOfTime,
  whyUnavailable,
} from "../../../extensions/node-check/checks.ts";
import { checksText } from "../../../extensions/node-check/checks-text.ts";
import { plainStyle } from "../../../shared/terminal/style.ts";

const aDevice = (some: Partial<CheckedDevice> = {}): CheckedDevice => ({
  ...{ device: "cuda", gpu: "GPU-1", fileKeys: ["image"], converts: true },
  ...some,
});

const aJob = (some: Partial<JobFacts> = {}): JobFacts => ({
  run: {
    rowsPerSecond: 950,
    lanes: 2,
    batch: { rows: 64, length: null, bound: "speed" },
    learned: { units: 64, caps: [] },
    gpuBusy: 0.8799,
    // The judgement reads nothing else of the manifest.
    manifest: { bottleneck: "infer" } as JobFacts["run"]["manifest"],
  },
  loop: { rowsPerSecond: 1_000, batchRows: 256 },
  rows: 4_800,
  rowsFault: null,
  worstError: 1e-5,
  tolerance: 1e-3,
  ...some,
});

const aReport = (some: Partial<Record<CheckName, Outcome>> = {}): DeviceReport => ({
  ...{ device: "cuda", gpu: { name: "NVIDIA X", uuid: "GPU-1" }, seconds: 61, interrupted: false },
  checks: {
    ...(Object.fromEntries(
      CHECKS.map((check) => [check, { ...(some[check] ?? outcome("ok", "fine")), seconds: 12 }]),
    ) as DeviceReport["checks"]),
  },
});

describe("the checks of a device", () => {
  const available = (some: Partial<CheckedDevice>) =>
    CHECKS.filter((check) => whyUnavailable(check, aDevice(some)) === null);

  test("are all available on a part of a GPU that a driver knows", () => {
    expect(available({ gpu: "MIG-1" })).toEqual(CHECKS);
  });

  test("exclude what only GPUs have on a CPU, each with a reason", () => {
    const excluded = ["busy", "placement", "fp16", "mig"] as const;
    const cpu = { device: "cpu", gpu: null } as const;
    expect(available(cpu)).toEqual(CHECKS.filter((check) => !excluded.some((each) => each === check)));
    for (const check of excluded) expect(whyUnavailable(check, aDevice(cpu))).toMatch(/^\w.* \w/);
  });

  test("exclude MIG on a whole GPU, and the driver's figures on a GPU that no driver knows", () => {
    expect(available({})).toEqual(CHECKS.filter((check) => check !== "mig"));
    expect(available({ device: "webgpu", gpu: null })).toEqual(
      CHECKS.filter((check) => check !== "mig" && check !== "busy"),
    );
  });

  test("exclude what other extensions provide when they are missing", () => {
    const { length } = available({});
    expect(available({ fileKeys: [] })).not.toContain("photographs");
    expect(available({ converts: false })).not.toContain("fp16");
    expect(available({ fileKeys: [], converts: false })).toHaveLength(length - 2);
  });
});

describe("a job", () => {
  test("is ok with all rows and the CPU's numbers, and has its figures next to the bare loop's", () => {
    expect(judgeJob(aJob())).toMatchObject({
      verdict: "ok",
      figures: {
        ...{ rows: 4_800, rowsPerSecond: 950, loopRowsPerSecond: 1_000, ofLoop: 0.95 },
        ...{ batchRows: 64, batchBound: "speed", foundBatch: 64, loopBatchRows: 256 },
        ...{ lanes: 2, gpuBusy: 0.88, worstError: 1e-5, bottleneck: "infer" },
      },
    });
  });

  test("fails on a missing row, and on numbers beyond the tolerance", () => {
    const lost = judgeJob(aJob({ rowsFault: "the output has 3 rows instead of 4" }));
    expect(lost).toMatchObject({ verdict: "failed", detail: "the output has 3 rows instead of 4" });
    expect(judgeJob(aJob({ worstError: 2e-3 }))).toMatchObject({
      verdict: "failed",
      detail: expect.stringContaining("0.002"),
    });
    expect(judgeJob(aJob({ worstError: Number.POSITIVE_INFINITY })).verdict).toBe("failed");
  });

  test("has no figures that were not measured", () => {
    const { run } = aJob();
    const unknown = { rowsPerSecond: null, lanes: 0, batch: null, gpuBusy: null } as const;
    const { figures } = judgeJob(aJob({ run: { ...run, ...unknown, learned: { units: null, caps: [] } } }));
    expect(Object.keys(figures)).toEqual([
      ...["rows", "loopRowsPerSecond", "loopBatchRows", "worstError", "bottleneck"],
    ]);
  });
});

describe("a job without memory for its batches", () => {
  const facts = { device: "cuda", fault: null, from: 64, to: 8 } as const;

  test("is ok when later batches were smaller and all rows are there", () => {
    expect(judgeHalving(facts)).toMatchObject({ verdict: "ok", figures: { batchRows: 64, halvedTo: 8 } });
  });

  test("fails when the error was not recognized, or rows are wrong", () => {
    expect(judgeHalving({ ...facts, to: null }).verdict).toBe("failed");
    expect(judgeHalving({ ...facts, fault: "rows have other numbers" }).verdict).toBe("failed");
  });
});

describe("the time of a device", () => {
  test("is divided among the checks, and unused time goes to later ones", () => {
    const shares: number[] = [];
    CHECKS.reduce((leftMs, check, index) => {
      const share = shareOfTime(check, leftMs, CHECKS.slice(index));
      shares.push(share);
      return leftMs - share;
    }, 600_000);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(600_000);
    const [golden = 0, digits = 0] = shares;
    // The first check of a machine loads the provider.
    expect(golden).toBeGreaterThan(50_000);
    expect(shareOfTime("digits", 600_000 - golden / 2, CHECKS.slice(1))).toBeGreaterThan(digits);
  });

  test("belongs to the checks that the device has", () => {
    expect(shareOfTime("restart", 9_000, ["restart"])).toBe(9_000);
    expect(shareOfTime("golden", 9_000, ["golden", "digits"])).toBe(4_500);
    expect(shareOfTime("mig", 9_000, ["mig"])).toBe(9_000);
  });
});

test("a node fails by any failed or unmeasured check, and not by checks that cannot run", () => {
  const other = outcome("not available", "why");
  expect(hasFailed([aReport(), aReport({ mig: other })])).toBe(false);
  expect(hasFailed([aReport(), aReport({ restart: outcome("failed", "why") })])).toBe(true);
  expect(hasFailed([aReport({ lanes: outcome("not measured", "why") })])).toBe(true);
});

test("the text shows each verdict, the jobs' figures, and the remedies", () => {
  const text = checksText(
    [
      aReport({
        digits: judgeJob(aJob()),
        lanes: outcome("ok", "the encoder job", {
          figures: { oneLaneRowsPerSecond: 7, oneLaneWorkerMiB: 300 },
        }),
        halving: outcome("failed", "no", { hint: "set a number" }),
        mig: outcome("not available", "the GPU is not partitioned"),
      }),
    ],
    plainStyle,
  );
  expect(text).toMatch(/^cuda, NVIDIA X \(GPU-1\), checked in 61 s\n/);
  expect(text).toMatch(/^mig +not available +12 +.*the GPU is not partitioned$/m);
  expect(text).toMatch(/^lanes +ok +12 +.*one lane rows per second 7, one lane worker MiB 300$/m);
  expect(text).toMatch(/^digits +4800 +950 +1000 +0.95 +64 +256 +0.88 +0.00001 /m);
  expect(text).toMatch(/^halving: set a number$/m);
  for (const check of CHECKS) expect(text).toContain(`\n${check} `);
  const stopped = checksText([{ ...aReport(), interrupted: true }], plainStyle);
  expect(stopped).toMatch(/^cuda, NVIDIA X \(GPU-1\), interrupted after 61 s\n/);
});
