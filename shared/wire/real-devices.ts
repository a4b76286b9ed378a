import { DEVICES, type Device } from "../domain/device.ts";

export type RealDevice = Exclude<Device, "auto">;

/** What a worker may say that it computes on. */
export const REAL_DEVICES: readonly RealDevice[] = DEVICES.filter(
  (device): device is RealDevice => device !== "auto",
);
