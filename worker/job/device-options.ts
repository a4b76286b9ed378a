import type { Credential } from "../../shared/access/credential.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import type { LaneLayout } from "../lanes/lane-layout.ts";
import type { TuningCache } from "../tuning/tuning-cache.ts";
import type { AccessMode } from "./choose-access.ts";

/** Options of a worker's device, the same for all jobs. */
export interface DeviceOptions {
  /** Address of the coordinator. Shard threads that cannot see the data open their own connections. */
  readonly address: string;
  readonly credential: Credential;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** Measurements of earlier runs. Default: none, and nothing is kept. */
  readonly tuning?: TuningCache;
  /** Threads that read, decode and collect. */
  readonly shardThreads: number;
  /** Cores that this worker may use. */
  readonly cores: number;
  readonly access: AccessMode;
  /** True when a job's own code may run here. Default: false. */
  readonly allowsModules?: boolean;
  /** Script of each lane's thread: see `startLanes`. */
  readonly laneScript?: URL;
  /** Memory of `readShare`. Default: steps run outside of a job. */
  readonly share?: SharedArrayBuffer;
  /** Folder of this process only. */
  readonly scratchPath: string;
  /** Folder for fetched files of jobs, shared by several processes. Default: the folder of this process. */
  readonly copies?: CopiesPlace;
  readonly log: Logger;
  /** Called when the device's runtime is unusable, and this process must be replaced. */
  readonly onBroken: (error: Error) => void;
}

export function lanePlanOf({
  lanes,
  threadsPerLane,
}: Pick<DeviceOptions, "lanes" | "threadsPerLane">): LaneLayout {
  return { lanes, threads: threadsPerLane };
}
