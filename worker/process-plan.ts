import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { promisify } from "node:util";
import type { Credential } from "../shared/access/credential.ts";
import type { LogLevel } from "../shared/core/log.ts";
import type { ConcreteDevice } from "../shared/domain/device.ts";
import type { AccessMode } from "./data-access.ts";
import { availableCores } from "./device-runner.ts";
import { type LaneRequest, otherLanePlans, planLanes } from "./infer/lane-plan.ts";
import { planShardThreads } from "./shard-thread-plan.ts";
import type { ProcessPlan } from "./supervisor.ts";

export interface LocalWorkersOptions {
  readonly coordinator: string;
  readonly credential: Credential;
  readonly device: ConcreteDevice;
  /** Processes: for the CPU as asked; for GPUs one a device unless asked otherwise. */
  readonly workers: number | "auto";
  readonly lanes: number | "auto";
  readonly threads: number | "auto";
  readonly shardThreads: number | "auto";
  readonly access: AccessMode;
  readonly logLevel: LogLevel;
  readonly giveUpMs: number;
}

/** The processes to start on this machine: one a device, the cores shared out between them. */
export async function planProcesses(options: LocalWorkersOptions): Promise<ProcessPlan[]> {
  const { device } = options;
  const gpus = device === "cuda" || device === "tensorrt" ? await visibleGpus() : [];
  const count = options.workers === "auto" ? Math.max(1, gpus.length) : options.workers;
  const cores = Math.max(1, Math.floor(availableCores() / count));
  const shardThreads = planShardThreads({ device, cores, requested: options.shardThreads });
  const request: LaneRequest = {
    device,
    cores,
    requestedLanes: options.lanes,
    requestedThreads: options.threads,
  };
  const { lanes, threads } = planLanes(request);
  return Array.from({ length: count }, (_, index) => {
    const gpu = gpus[index % Math.max(1, gpus.length)];
    return {
      options: {
        coordinator: options.coordinator,
        credential: options.credential,
        name: `${hostname()}-${process.pid}-${device}${index}`,
        device,
        lanes,
        threadsPerLane: threads,
        otherLanePlans: otherLanePlans(request),
        shardThreads,
        access: options.access,
        logLevel: options.logLevel,
        giveUpMs: options.giveUpMs,
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
