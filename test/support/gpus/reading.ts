import type { GpuReading } from "../../../shared/extension/gpu-driver.ts";

/** Readings of a healthy GPU. */
export const GPU_READING: GpuReading = {
  name: "a GPU",
  uuid: "GPU-1",
  utilisation: 0.9,
  memoryUsedBytes: 1,
  memoryTotalBytes: 2,
  celsius: 60,
  watts: 300,
  correctedErrors: 0,
  uncorrectedErrors: 0,
  slowdowns: [],
  xids: [],
};
