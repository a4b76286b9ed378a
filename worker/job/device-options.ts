import type { Credential } from "../../shared/access/credential.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { ConcreteDevice } from "../../shared/domain/device.ts";
import type { CopiesPlace } from "../../shared/storage/local-copy.ts";
import type { LaneLayout } from "../lanes/lane-layout.ts";
import type { TuningCache } from "../tuning/tuning-cache.ts";
import type { AccessMode } from "./choose-access.ts";

/** What a worker runs jobs with, on one device: the same for all of them. */
export interface DeviceOptions {
  /** Where the coordinator is: shard threads that cannot see the data make their own connection. */
  readonly address: string;
  readonly credential: Credential;
  readonly device: ConcreteDevice;
  readonly lanes: number;
  readonly threadsPerLane: number;
  /** What earlier runs found by measuring. Left out: nothing, and nothing is kept. */
  readonly tuning?: TuningCache;
  /** Threads that read, decode and collect. */
  readonly shardThreads: number;
  /** Threads for the steps of each stage, of each shard thread. */
  readonly stepThreads: number;
  readonly access: AccessMode;
  /** Whether a job's own code may run here. Left out: it may not. */
  readonly allowsModules?: boolean;
  /** What each lane's thread runs: see `startLanes`. */
  readonly laneScript?: URL;
  /** A folder of this process alone. */
  readonly scratchPath: string;
  /** Where files of jobs are fetched to, once for all who share it. Left out: the folder of this process. */
  readonly copies?: CopiesPlace;
  readonly log: Logger;
  /** The device's runtime is beyond repair: this process must be replaced. */
  readonly onBroken: (error: Error) => void;
}

export function lanePlanOf({
  lanes,
  threadsPerLane,
}: Pick<DeviceOptions, "lanes" | "threadsPerLane">): LaneLayout {
  return { lanes, threads: threadsPerLane };
}
