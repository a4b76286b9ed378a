/** Devices that a model can run on. `auto` selects the best one of a worker. */
export const DEVICES = ["auto", "cpu", "cuda", "tensorrt", "webgpu", "coreml", "dml"] as const;
export type Device = (typeof DEVICES)[number];

/** Device after `resolveDevice` has replaced `auto`. */
export type ConcreteDevice = Exclude<Device, "auto">;

export const CONCRETE_DEVICES: readonly ConcreteDevice[] = DEVICES.filter((device) => device !== "auto");
