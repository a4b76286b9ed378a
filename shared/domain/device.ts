/** What a model can be run on; `auto`: the best that a worker has. */
export const DEVICES = ["auto", "cpu", "cuda", "tensorrt", "webgpu", "coreml", "dml"] as const;
export type Device = (typeof DEVICES)[number];

/** A device that something can run on: `auto` is resolved before (see `resolveDevice`). */
export type ConcreteDevice = Exclude<Device, "auto">;

export const CONCRETE_DEVICES: readonly ConcreteDevice[] = DEVICES.filter((device) => device !== "auto");
