import { execFile } from "node:child_process";
import { availableParallelism, hostname } from "node:os";
import { promisify } from "node:util";
import type { LogLevel } from "../../shared/core/log.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { AccessMode } from "../job/choose-access.ts";
import { layOutLanes } from "../lanes/lane-layout.ts";
import { shardThreadCount, stepThreadCount } from "../pipeline/thread-counts.ts";
import type { ProcessLayout } from "./supervisor.ts";

/** How many to start. `auto` workers: for the CPU one, for GPUs one a device. */
export type ProcessCounts = Readonly<
  Record<"workers" | "lanes" | "threads" | "shardThreads", number | "auto">
>;

export interface LocalWorkersOptions extends ProcessCounts {
  readonly device: ConcreteDevice;
  readonly access: AccessMode;
  /** Whether a job's own code may run here. */
  readonly allowsModules: boolean;
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
  readonly idleMs?: number;
}

/** The processes to start on this machine: one a device, the cores shared out between them. */
export async function layOutProcesses(options: LocalWorkersOptions): Promise<ProcessLayout[]> {
  const { device } = options;
  const gpus = device === "cuda" || device === "tensorrt" ? await visibleGpus() : [];
  const count = options.workers === "auto" ? Math.max(1, gpus.length) : options.workers;
  const cores = Math.max(1, Math.floor(availableParallelism() / count));
  const shardThreads = shardThreadCount({ device, cores, requested: options.shardThreads });
  const { lanes, threads } = layOutLanes({
    device,
    cores,
    requestedLanes: options.lanes,
    requestedThreads: options.threads,
  });
  return Array.from({ length: count }, (_, index) => {
    const gpu = gpus[index % Math.max(1, gpus.length)];
    return {
      options: {
        name: `${hostname()}-${process.pid}-${device}${index}`,
        device,
        lanes,
        threadsPerLane: threads,
        shardThreads,
        stepThreads: stepThreadCount(cores, shardThreads),
        access: options.access,
        allowsModules: options.allowsModules,
        logLevel: options.logLevel,
        giveUpMs: options.giveUpMs,
        ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      },
      env: gpu === undefined ? {} : { CUDA_VISIBLE_DEVICES: gpu },
    };
  });
}

/** The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them. */
async function visibleGpus(): Promise<string[]> {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined) return visible.split(",").filter((name) => name !== "");
  try {
    const { stdout } = await promisify(execFile)("nvidia-smi", [
      "--query-gpu=index",
      "--format=csv,noheader",
    ]);
    return stdout
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((line) => line.trim());
  } catch {
    // Without nvidia-smi the runtime's own default device is used; the probe has already shown that it works.
    return [];
  }
}
