import { expect, test } from "vitest";
import { type LaneRequest, otherLanePlans, planLanes } from "../../../../worker/lanes/lane-plan.ts";

function aRequest(request: Partial<LaneRequest>): LaneRequest {
  return { device: "cpu", cores: 8, requestedLanes: "auto", requestedThreads: "auto", ...request };
}

test("a CPU gets a lane for each core with one thread each", () => {
  expect(planLanes(aRequest({ cores: 8 }))).toMatchObject({ lanes: 8, threads: 1, spinning: false });
  expect(planLanes(aRequest({ cores: 1 }))).toMatchObject({ lanes: 1, threads: 1, spinning: false });
});

test("on a CPU either number divides the cores, and both are taken as they are", () => {
  expect(planLanes(aRequest({ requestedLanes: 3 }))).toMatchObject({ lanes: 3, threads: 2, spinning: false });
  expect(planLanes(aRequest({ requestedThreads: 4 }))).toMatchObject({
    lanes: 2,
    threads: 4,
    spinning: false,
  });
  expect(planLanes(aRequest({ requestedLanes: 16 }))).toMatchObject({
    lanes: 16,
    threads: 1,
    spinning: false,
  });
  expect(planLanes(aRequest({ requestedThreads: 16 }))).toMatchObject({
    lanes: 1,
    threads: 16,
    spinning: false,
  });
  expect(planLanes(aRequest({ requestedLanes: 5, requestedThreads: 5 }))).toMatchObject({
    lanes: 5,
    threads: 5,
    spinning: false,
  });
});

test("a GPU gets two lanes where its provider bears them, one where not, whatever the cores", () => {
  expect(planLanes(aRequest({ device: "cuda", cores: 64 }))).toMatchObject({
    lanes: 2,
    threads: 1,
    spinning: false,
  });
  expect(planLanes(aRequest({ device: "tensorrt" }))).toMatchObject({
    lanes: 2,
    threads: 1,
    spinning: false,
  });
  expect(planLanes(aRequest({ device: "webgpu" }))).toMatchObject({ lanes: 1, threads: 1, spinning: false });
  expect(planLanes(aRequest({ device: "dml" }))).toMatchObject({ lanes: 1, threads: 1, spinning: false });
  expect(planLanes(aRequest({ device: "cuda", requestedLanes: 4 }))).toMatchObject({
    lanes: 4,
    threads: 1,
    spinning: false,
  });
});

test("two WebGPU lanes in one process are refused with what to do instead", () => {
  const plan = () => planLanes(aRequest({ device: "webgpu", requestedLanes: 2 }));
  expect(plan).toThrow(
    expect.objectContaining({
      code: "ARGUMENT_INVALID",
      fields: { device: "webgpu", lanes: 2, maxLanes: 1 },
      hint: expect.stringContaining("workers"),
    }),
  );
});

test("where nothing was asked for, a CPU's cores may be shared out otherwise: together, or about as many lanes as threads", () => {
  const spinning = false;
  expect(otherLanePlans(aRequest({ cores: 2 }))).toEqual([
    { lanes: 1, threads: 2, spinning },
    { lanes: 1, threads: 2, spinning: true },
  ]);
  expect(otherLanePlans(aRequest({ cores: 16 }))).toEqual([
    { lanes: 4, threads: 4, spinning },
    { lanes: 1, threads: 16, spinning },
    { lanes: 1, threads: 16, spinning: true },
  ]);
  for (let cores = 1; cores <= 256; cores += 1) {
    const others = otherLanePlans(aRequest({ cores }));
    expect(others.length).toBeLessThanOrEqual(3);
    for (const { lanes, threads, spinning } of others) {
      expect(lanes * threads).toBeLessThanOrEqual(cores);
      expect(lanes * threads).toBeGreaterThan(cores / 2);
      if (spinning) expect(lanes).toBe(1);
    }
  }
});

test("what was asked for, a GPU, and a single core leave nothing to choose", () => {
  expect(otherLanePlans(aRequest({ cores: 1 }))).toEqual([]);
  expect(otherLanePlans(aRequest({ requestedLanes: 2 }))).toEqual([]);
  expect(otherLanePlans(aRequest({ requestedThreads: 2 }))).toEqual([]);
  expect(otherLanePlans(aRequest({ device: "cuda" }))).toEqual([]);
});
