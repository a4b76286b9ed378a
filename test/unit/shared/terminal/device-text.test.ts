import { expect, test } from "vitest";
import type { DeviceReport } from "../../../../shared/domain/accuracy.ts";
import { deviceEntries } from "../../../../shared/terminal/device-text.ts";

const REPORT: DeviceReport = {
  worker: "node1-webgpu0",
  device: "webgpu",
  gpu: null,
  onnxruntimeVersion: "1.30.0",
  remembered: false,
  refusal: null,
  rows: 256,
  failedRows: 0,
  seconds: 0.84,
  outputs: [
    {
      tensor: "y",
      maxError: 1e-6,
      meanError: 1e-7,
      maxRelative: 1.06e-6,
      beyondRows: 0,
      worst: [],
      meanCosine: 1,
      leastCosine: 1,
      agreement: 1,
      ranked: false,
      notFiniteRows: 0,
    },
  ],
  tolerance: 0.001,
  maxBeyond: 0,
  minCosine: 0.99,
  minAgreement: 0.98,
};

const line = (changes: Partial<DeviceReport>) => deviceEntries([{ ...REPORT, ...changes }])[0]?.[1];

test("a device's check is one line with its result and its duration", () => {
  expect(line({})).toBe(
    "webgpu matches the CPU: largest error 0.0000011 of a value's size (256 rows compared in 0.8s)",
  );
  expect(line({ remembered: true, device: "cuda", gpu: "NVIDIA H100" })).toBe(
    "cuda (NVIDIA H100) matches the CPU: largest error 0.0000011 of a value's size (256 rows compared in an earlier run)",
  );
  expect(line({ outputs: [] })).toBe("webgpu matches the CPU (256 rows compared in 0.8s)");
  expect(line({ refusal: "output y: row 5 of a.parquet, value 0: 0.7 instead of 0.04" })).toBe(
    "webgpu on node1-webgpu0 refused: output y: row 5 of a.parquet, value 0: 0.7 instead of 0.04 (256 rows compared in 0.8s)",
  );
  expect(deviceEntries([])).toEqual([]);
});
