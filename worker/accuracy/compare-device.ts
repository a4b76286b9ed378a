import { availableParallelism } from "node:os";
import type { MessagePort } from "node:worker_threads";
import { NEVER } from "../../shared/core/abort.ts";
import type { ReadOptions } from "../../shared/dataset/dataset-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { createSession } from "../../shared/onnx/session.ts";
import { connectLanes } from "../lanes/lane-pool.ts";
import { BusyMeter, threadIdleMs } from "../meter/busy-meter.ts";
import type { DataAccess } from "../read/data-access.ts";
import { InputFiles } from "../read/input-files.ts";
import { openWays } from "../read/ways.ts";
import { compareSample, type Sample } from "./compare-sample.ts";
import { type Comparison, ModelPair } from "./model-pair.ts";

/** Request to the checking thread. */
export interface DeviceQuestion extends Omit<Sample, "open"> {
  readonly jobId: JobId;
  readonly modelPath: string;
  readonly input: readonly [DataAccess, ...DataAccess[]];
  /** Ports of the device's lanes. */
  readonly lanePorts: readonly MessagePort[];
}

/** Methods of the checking thread. */
export interface DeviceCheckThread {
  compare(question: DeviceQuestion): Promise<Comparison>;
}

/** Limit of CPU threads. More hardly shorten a check, and other workers start at the same time. */
const MOST_THREADS = 4;

/**
 * Runs the sample batch by batch, on the CPU in this thread and on the device's lanes. Compares the outputs.
 */
export async function compareDevice(question: DeviceQuestion, nowMs: () => number): Promise<Comparison> {
  const { jobId, modelPath, map, stores, input, lanePorts } = question;
  const threads = Math.min(MOST_THREADS, availableParallelism());
  using lanes = connectLanes(lanePorts);
  await using cpu = await createSession(modelPath, { device: "cpu", threads });
  await using data = openWays(input, { jobId, stores });
  await using files = new InputFiles({ ways: data.ways, meter: new BusyMeter(nowMs, threadIdleMs) });
  const pair = new ModelPair(
    (feeds, outputs) => cpu.run(feeds, outputs),
    async (feeds, outputs) => (await lanes.infer(feeds, outputs, null, NEVER)).outputs,
    map,
  );
  const open = async (file: InputFile) => {
    const opened = await files.take(file, null, NEVER);
    return {
      read: (rows: ReadOptions) => opened.read(rows),
      [Symbol.dispose]: () => files.drop(opened),
    };
  };
  return await compareSample(pair, { ...question, open }, nowMs);
}
