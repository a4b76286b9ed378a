import { availableParallelism, hostname } from "node:os";
import type { LogLevel } from "../../shared/core/log.ts";
import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";
import type { AccessMode } from "../job/choose-access.ts";
import { layOutLanes } from "../lanes/lane-layout.ts";
import { shardThreadCount, stepThreadCount } from "../pipeline/thread-counts.ts";
import type { ProcessLayout } from "./start-process.ts";

/** How many to start. `auto` workers: for the CPU one, for GPUs one a device. */
export type ProcessCounts = Readonly<
  Record<"workers" | "lanes" | "threads" | "shardThreads", number | "auto">
>;

export interface LocalWorkersOptions extends ProcessCounts {
  readonly device: ConcreteDevice;
  readonly access: AccessMode;
  /** Whether a job's own code may run here. */
  readonly allowsModules: boolean;
  /** What models that wait may take in each process. Left out: none is kept. */
  readonly modelMemoryBytes?: number | "auto";
  /** What a job may have opened here; left out: everything. */
  readonly allowedLocations?: readonly string[];
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
  readonly idleMs?: number;
}

/** The processes to start on this machine: one a device, the cores shared out between them. */
export async function layOutProcesses(options: LocalWorkersOptions): Promise<ProcessLayout[]> {
  const { device, modelMemoryBytes = 0 } = options;
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
        modelMemoryBytes: modelMemoryBytes === "auto" ? modelMemory(device, count, gpu) : modelMemoryBytes,
        ...(options.allowedLocations === undefined ? {} : { allowedLocations: options.allowedLocations }),
        logLevel: options.logLevel,
        giveUpMs: options.giveUpMs,
        ...(options.idleMs === undefined ? {} : { idleMs: options.idleMs }),
      },
      ...(gpu === undefined ? { env: {} } : { env: { CUDA_VISIBLE_DEVICES: gpu }, gpu }),
    };
  });
}

/**
 * The NVIDIA GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them: by UUID, since their numbers
 * are in another order for CUDA than for the driver.
 */
async function visibleGpus(): Promise<readonly string[]> {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined) return visible.split(",").filter((name) => name !== "");
  // Without the driver's library the runtime's own default device is used; the probe has shown that it works.
  return (await (await openGpuDriver())?.list()) ?? [];
}

/**
 * A quarter of the machine's memory, shared out between the processes: the job at hand needs most of the
 * rest. What models take of a GPU's own is looked at when the next is opened. Where nobody can tell what
 * is free of it nothing is kept unless it is asked for: a model that waits there makes the batches of the
 * next one smaller.
 */
function modelMemory(device: ConcreteDevice, processes: number, gpu: string | undefined): number {
  const isKnown = device === "cpu" || gpu !== undefined;
  return isKnown ? Math.floor(usableMemoryBytes() / 4 / processes) : 0;
}
