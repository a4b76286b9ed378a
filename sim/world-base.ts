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

/** A job of the world, and who checks what becomes of it. */
export interface Scenario {
  readonly job: SimJob;
  readonly checker: Checker;
  /** It has ended for good. */
  isOver(): boolean;
  /** A run of it is over: what its coordinator says of it, before its process ends. */
  ended(process: SimProcess, status: JobStatus): void;
  /** A coordinator could not take it up, or had to let go of it. */
  refused(process: SimProcess, error: ShardmillError): void;
}

/** What all that happens in a world stands on. */
export interface WorldBase {
  readonly random: SeededRandom;
  readonly scheduler: Scheduler;
  readonly image: DiskImage;
  readonly faults: FaultPlan;
  /**
   * Where in the image the bucket is kept that all outputs go to; null where they go to the disk that the
   * coordinators work on.
   */
  readonly bucket: string | null;
  /** The journals are in that bucket, too, and there are several machines. */
  readonly isShared: boolean;
  /** One, or several, on one coordinator. */
  readonly scenarios: readonly Scenario[];
  /** A promise was broken that is none of a job alone. */
  broken(law: Law, what: string): void;
  /** A process dies, and with `power` all others of its machine, too. */
  die(process: SimProcess, why: string, power: boolean): void;
  /** A coordinator asks a bucket to change something: it is on its way from now on. */
  asked(call: DiskCall): void;
  /** An operation on a disk or a bucket is done; nothing else has happened since. */
  did(call: DiskCall): void;
  /** All jobs have ended for good. */
  isOver(): boolean;
}
