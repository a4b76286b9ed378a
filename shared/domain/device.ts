/** What a model can be run on; `auto`: the best that a worker has. */
export const DEVICES = ["auto", "cpu", "cuda", "tensorrt", "webgpu", "coreml", "dml"] as const;
export type Device = (typeof DEVICES)[number];
