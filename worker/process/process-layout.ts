import { availableParallelism, hostname } from "node:os";
import type { LogLevel } from "../../shared/core/log-levels.ts";
import { usableMemoryBytes } from "../../shared/core/usable-memory.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import { openGpuDriver } from "../../shared/extension/open-gpu-driver.ts";
import type { AccessMode } from "../job/choose-access.ts";
import { layOutLanes } from "../lanes/lane-layout.ts";
import { shardThreadCount } from "../pipeline/thread-counts.ts";
import type { ProcessLayout } from "./start-process.ts";

/** Numbers to start. `auto` workers: one for the CPU, or one for each GPU. */
export type ProcessCounts = Readonly<
  Record<"workers" | "lanes" | "threads" | "shardThreads", number | "auto">
>;

export interface LocalWorkersOptions extends ProcessCounts {
  readonly device: ConcreteDevice;
  /** False: no job here has a model, so no lanes use the cores. Default: true. */
  readonly runsModel?: boolean;
  readonly access: AccessMode;
  /** True when a job's own code may run here. */
  readonly allowsModules: boolean;
  /** Memory limit of idle models in each process. Default: none is kept. */
  readonly modelMemoryBytes?: number | "auto";
  /** Locations that a job may open here. Default: all. */
  readonly allowedLocations?: readonly string[];
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
  readonly idleMs?: number;
}

/** Returns the processes to start on this machine: one for each device, with an equal share of the cores. */
export async function layOutProcesses(options: LocalWorkersOptions): Promise<ProcessLayout[]> {
  const { device, runsModel = true, modelMemoryBytes = 0 } = options;
  const gpus = device === "cuda" || device === "tensorrt" ? await visibleGpus() : [];
  const count = options.workers === "auto" ? Math.max(1, gpus.length) : options.workers;
  const cores = Math.max(1, Math.floor(availableParallelism() / count));
  const busy = runsModel ? device : null;
  const shardThreads = shardThreadCount({ device: busy, cores, requested: options.shardThreads });
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
        cores,
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
 * Returns the NVIDIA GPUs that this process may use, as names for CUDA_VISIBLE_DEVICES. Uses UUIDs, because
 * CUDA and the driver number GPUs differently.
 */
export async function visibleGpus(): Promise<readonly string[]> {
  const visible = process.env.CUDA_VISIBLE_DEVICES;
  if (visible !== undefined) return visible.split(",").filter((name) => name !== "");
  // Without the driver's library, the runtime uses its default device, which was probed before.
  return (await (await openGpuDriver())?.list()) ?? [];
}

/**
 * Returns the memory for idle models: a quarter of the machine's, divided among the processes. The current
 * job needs most of the rest. GPU memory is checked when the next model is opened. Without a way to read it,
 * the default is none, because an idle model would reduce the next one's batches.
 */
function modelMemory(device: ConcreteDevice, processes: number, gpu: string | undefined): number {
  const isKnown = device === "cpu" || gpu !== undefined;
  return isKnown ? Math.floor(usableMemoryBytes() / 4 / processes) : 0;
}
