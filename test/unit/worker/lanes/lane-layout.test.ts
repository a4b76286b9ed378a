import { expect, test } from "vitest";
import { type LaneRequest, layOutLanes } from "../../../../worker/lanes/lane-layout.ts";

function aRequest(request: Partial<LaneRequest>): LaneRequest {
  return { device: "cpu", cores: 8, requestedLanes: "auto", requestedThreads: "auto", ...request };
}

test("a CPU gets a lane for each core with one thread each", () => {
  expect(layOutLanes(aRequest({ cores: 8 }))).toEqual({ lanes: 8, threads: 1 });
  expect(layOutLanes(aRequest({ cores: 1 }))).toEqual({ lanes: 1, threads: 1 });
});

test("on a CPU one requested number divides the cores, and two are used as requested", () => {
  expect(layOutLanes(aRequest({ requestedLanes: 3 }))).toEqual({ lanes: 3, threads: 2 });
  expect(layOutLanes(aRequest({ requestedThreads: 4 }))).toEqual({
    lanes: 2,
    threads: 4,
  });
  expect(layOutLanes(aRequest({ requestedLanes: 16 }))).toEqual({
    lanes: 16,
    threads: 1,
  });
  expect(layOutLanes(aRequest({ requestedThreads: 16 }))).toEqual({
    lanes: 1,
    threads: 16,
  });
  expect(layOutLanes(aRequest({ requestedLanes: 5, requestedThreads: 5 }))).toEqual({
    lanes: 5,
    threads: 5,
  });
});

test("a GPU gets two lanes where its provider supports them, otherwise one, whatever the cores", () => {
  expect(layOutLanes(aRequest({ device: "cuda", cores: 64 }))).toEqual({
    lanes: 2,
    threads: 1,
  });
  expect(layOutLanes(aRequest({ device: "tensorrt" }))).toEqual({
    lanes: 2,
    threads: 1,
  });
  expect(layOutLanes(aRequest({ device: "webgpu" }))).toEqual({ lanes: 1, threads: 1 });
  expect(layOutLanes(aRequest({ device: "dml" }))).toEqual({ lanes: 1, threads: 1 });
  expect(layOutLanes(aRequest({ device: "cuda", requestedLanes: 4 }))).toEqual({
    lanes: 4,
    threads: 1,
  });
});

test("two WebGPU lanes in one process are refused with a hint to use more workers", () => {
  const plan = () => layOutLanes(aRequest({ device: "webgpu", requestedLanes: 2 }));
  expect(plan).toThrow(
    expect.objectContaining({
      code: "ARGUMENT_INVALID",
      fields: { device: "webgpu", lanes: 2, maxLanes: 1 },
      hint: expect.stringContaining("workers"),
    }),
  );
});
