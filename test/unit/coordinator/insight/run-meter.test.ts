import { expect, test } from "vitest";
import { RunMeter, type RunSample, type WorkerSample } from "../../../../coordinator/insight/run-meter.ts";

function aWorker(doing: WorkerSample["doing"], busy: WorkerSample["busy"] = {}): WorkerSample {
  return { doing, busy, padding: null };
}

function aSample(workers: readonly WorkerSample[], changes: Partial<RunSample> = {}): RunSample {
  return { phase: "map", workers, loop: { activeMs: 0, idleMs: 0 }, ...changes };
}

test("the time between two samples is counted half for the first and half for the second", () => {
  const meter = new RunMeter();
  meter.record(0, aSample([]));
  meter.record(1_000, aSample([aWorker("starting")]));
  meter.record(3_000, aSample([aWorker("working")]));
  expect(meter.usage("run")).toMatchObject({
    mapMs: 3_000,
    absentMs: 500,
    doingMs: { starting: 1_500, working: 1_000 },
  });
});

test("time is counted for each worker, and time before a new phase belongs to the previous phase", () => {
  const meter = new RunMeter();
  const two = [aWorker("working"), aWorker("awaitingShards")];
  meter.record(0, aSample(two));
  meter.record(1_000, aSample(two, { phase: "reduce" }));
  meter.record(1_600, aSample(two, { phase: "reduce" }));
  expect(meter.usage("run")).toMatchObject({
    mapMs: 1_000,
    reduceMs: 600,
    doingMs: { working: 1_000, awaitingShards: 1_000 },
  });
});

test("busy shares are means over the workers that have started and report, and never exceed 1", () => {
  const meter = new RunMeter();
  const sample = aSample([
    aWorker("working", { infer: 0.9, read: 0.2 }),
    aWorker("awaitingShards", { infer: 0.1 }),
    aWorker("working", { infer: 1.7 }),
    aWorker("starting", { infer: 0.5 }),
    aWorker("working"),
  ]);
  meter.record(0, sample);
  meter.record(1_000, sample);
  const { stages } = meter.usage("run");
  expect(stages.infer).toBeCloseTo(2 / 3);
  expect(stages.read).toBeCloseTo(0.2 / 3);
  expect(stages.store).toBe(0);
});

test("stages, padding and loop share are unknown until they are reported", () => {
  const meter = new RunMeter();
  meter.record(0, aSample([aWorker("working")]));
  meter.record(1_000, aSample([aWorker("working")]));
  expect(meter.usage("run")).toMatchObject({ stages: {}, padding: null, loopShare: null });
});

test("the usage of the last seconds follows a change that the usage of the run hardly shows", () => {
  const meter = new RunMeter();
  for (let second = 0; second <= 100; second += 1) {
    const infer = second < 80 ? 0.2 : 1;
    const loop = { activeMs: 100 * second, idleMs: 900 * second };
    meter.record(second * 1_000, aSample([aWorker("working", { infer })], { loop }));
  }
  expect(meter.usage("now").stages.infer).toBeCloseTo(1);
  expect(meter.usage("now").mapMs).toBeLessThanOrEqual(16_000);
  expect(meter.usage("run").stages.infer).toBeCloseTo(0.363, 2);
  expect(meter.usage("run").loopShare).toBeCloseTo(0.1);
});

test("padding is a mean over the workers that report it", () => {
  const meter = new RunMeter();
  const busy = { infer: 1 };
  const sample = aSample([
    { doing: "working", busy, padding: 0.4 },
    { doing: "working", busy, padding: null },
  ]);
  meter.record(0, sample);
  meter.record(1_000, sample);
  expect(meter.usage("run").padding).toBeCloseTo(0.4);
});
