import { availableParallelism } from "node:os";
import { createSession } from "../../shared/onnx/session.ts";
import type { Step } from "../../shared/steps/step.ts";
import type { ModelStage } from "../../shared/wire/job-description.ts";
import { BufferPool } from "../batch/buffer-pool.ts";
import type { Lanes } from "../lanes/lanes.ts";
import { BusyMeter } from "../meter/busy-meter.ts";
import { ModelStep } from "../pipeline/model-step.ts";
import type { ModelLanes } from "../pipeline/run-batches.ts";

/** Model of a stage before the last one, on this machine. */
export interface StageModel extends Pick<ModelStage, "name" | "map"> {
  readonly modelPath: string;
}

/** Limit of CPU threads. More hardly shorten a check, and other workers start at the same time. */
const MOST_THREADS = 4;

/** Rows of a batch. Small, because speed does not matter here. */
const BATCH_ROWS = 16;

/** Returns the lanes of a model that runs one batch at a time, of a limited size. */
export function plainLanes(lanes: Lanes, map: ModelStage["map"], batchRows: number): ModelLanes {
  const nextRows = () => map.fixedBatchRows ?? batchRows;
  const sizer = { nextRows, runRows: null, observe: () => {}, outOfMemory: () => {} };
  return { lanes, inFlight: () => 1, sizer, pool: new BufferPool(map.inputs.length) };
}

/** Opens the model of a stage in this thread, on the CPU. */
export async function openCpuStage({ modelPath, ...stage }: StageModel): Promise<Step> {
  const threads = Math.min(MOST_THREADS, availableParallelism());
  const session = await createSession(modelPath, { device: "cpu", threads });
  const infer: Lanes["infer"] = async (feeds, outputs) => {
    return { outputs: await session.run(feeds, outputs), feeds: {}, runMs: 0 };
  };
  const model = plainLanes({ count: 1, infer }, stage.map, BATCH_ROWS);
  const step = new ModelStep({ stage, model, meter: new BusyMeter(() => 0) });
  return {
    run: (batch, signal) => step.run(batch, signal),
    [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
  };
}
