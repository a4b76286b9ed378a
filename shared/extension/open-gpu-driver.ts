import { EXTENSIONS } from "#extensions";
import type { GpuDriver } from "./gpu-driver.ts";

/** Opens the first GPU driver that an extension finds on this machine. Null: there is none. */
export async function openGpuDriver(): Promise<GpuDriver | null> {
  for (const { gpus } of EXTENSIONS) {
    const driver = (await gpus?.open()) ?? null;
    if (driver !== null) return driver;
  }
  return null;
}
