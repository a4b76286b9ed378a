import type { ShardmillError } from "../shared/core/errors.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { Law } from "../shared/domain/laws.ts";
import type { Checker } from "./checker.ts";
import type { DiskImage } from "./disk-image.ts";
import type { DiskCall } from "./disk-operation.ts";
import type { FaultPlan } from "./fault-plan.ts";
import type { Scheduler, SimProcess } from "./scheduler.ts";
import type { SeededRandom } from "./seeded-random.ts";
import type { SimJob } from "./sim-plan.ts";

/** A job of the world, and its checks. */
export interface Scenario {
  readonly job: SimJob;
  readonly checker: Checker;
  /** Returns true when the job has ended for good. */
  isOver(): boolean;
  /** Receives the end of a run from its coordinator, before the process exits. */
  ended(process: SimProcess, status: JobStatus): void;
  /** Receives the error of a coordinator that could not resume the job, or had to release it. */
  refused(process: SimProcess, error: ShardmillError): void;
}

/** Parts of a world that all others use. */
export interface WorldBase {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly image: DiskImage;
  readonly faults: FaultPlan;
  /**
   * Folder of the bucket in the image that all outputs go to. Null: outputs go to the disk that the
   * coordinators work on.
   */
  readonly bucket: string | null;
  /** True when the journals are in that bucket, too, and there are several machines. */
  readonly isShared: boolean;
  /** One job, or several on one coordinator. */
  readonly scenarios: readonly Scenario[];
  /** Reports a broken law that concerns no single job. */
  broken(law: Law, what: string): void;
  /** Ends a process, and with `power` all others of its machine. */
  die(process: SimProcess, why: string, power: boolean): void;
  /** Receives a coordinator's request to change a bucket, before it is sent. */
  requested(call: DiskCall): void;
  /** Receives a finished operation on a disk or a bucket, before anything else happens. */
  did(call: DiskCall): void;
  /** Returns true when all jobs have ended for good. */
  isOver(): boolean;
}
