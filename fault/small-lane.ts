import { readFile } from "node:fs/promises";
import type { TensorData } from "../shared/domain/tensor.ts";
import { classifyOnnxError } from "../shared/onnx/classify-error.ts";
import { createSession, type Session } from "../shared/onnx/session.ts";
import { laneMain } from "../worker/lanes/lane-main.ts";

/** Memory of the device, from `<model>.memory.json`. */
export interface SmallMemory {
  /**
   * Units of memory. A row of `length` positions takes `length` squared, as attention does. A row of the
   * model's own shape takes 1.
   */
  readonly units: number;
  readonly isUneven: boolean;
}

/**
 * A lane on a device with little memory. It runs the real session, but a batch beyond the memory fails as in
 * ONNX Runtime's allocator.
 */
await laneMain(async (options) => {
  const memory: SmallMemory = JSON.parse(await readFile(`${options.modelPath}.memory.json`, "utf8"));
  const session = await createSession(options.modelPath, options);
  const run: Session["run"] = async (feeds, outputs) => {
    const units = countUnits(feeds, memory);
    if (units <= memory.units) return session.run(feeds, outputs);
    const message =
      "Non-zero status code returned while running MatMul node. Name:'MatMul_0' Status Message: " +
      "/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal" +
      `(size_t, bool, onnxruntime::Stream*) Failed to allocate memory for requested buffer of size ${units}`;
    throw classifyOnnxError(new Error(message), { stage: "run", device: options.device });
  };
  return {
    run,
    [Symbol.asyncDispose]: async () => await session[Symbol.asyncDispose](),
  };
});

function countUnits(feeds: Readonly<Record<string, TensorData>>, { isUneven }: SmallMemory): number {
  const [rows = 0, length = 1] = Object.values(feeds)[0]?.dims ?? [];
  return isUneven ? rows * length ** 2 : rows;
}
