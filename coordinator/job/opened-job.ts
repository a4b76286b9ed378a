import type { TimedClock } from "../../shared/core/clock.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { TakesFile } from "../../shared/domain/new-input.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { RunWatchOptions } from "../insight/run-watch.ts";
import type { Aside } from "../plan/plan-job.ts";
import type { PlanProgress } from "../plan/plan-progress.ts";
import type { Reach } from "../plan/read-stores.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import type { ActiveJob } from "./active-job.ts";
import type { JobOrigin } from "./job-origin.ts";
import type { JobSeams } from "./job-seams.ts";
import type { CheckConversion } from "./pass-conversion.ts";
import type { RunRecorder } from "./run-recorder.ts";
import type { Wake } from "./wake.ts";

export interface OpenJobOptions {
  readonly fresh: boolean;
  /** Of a job over what is new: which files a run takes that begins now. Left out: all. */
  readonly takes?: TakesFile;
  /** This process wrote the input files itself, so that reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  /**
   * The id of the run that is to go on: none is begun in its place, and one that has ended is not begun anew.
   */
  readonly resumes?: JobId;
  /** Only workers of this process come. Left out: others may, and those of an earlier version among them. */
  readonly ownWorkersOnly?: boolean;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly schedule: Omit<ScheduleConfig, "maxDeadRows">;
  readonly seams: JobSeams;
  readonly recorder: RunRecorder;
  readonly reportOf: RunWatchOptions["reportOf"];
  /** What this process had asked of stores before the job was opened. */
  readonly storesBefore: readonly StoreCounts[];
  /** When the coordinator was given the job, by its clock. */
  readonly beganMs: number;
  readonly onWake: (wake: Wake | "all") => void;
  /** Left out: as it was, of a job that is resumed. */
  readonly priority?: number;
  /** What may be opened of it, as `JobStores` has it. Left out: everything. */
  readonly allowed?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly checkConversion?: CheckConversion;
  /** Called once there is work to do, before anything is written: the last chance to refuse. */
  readonly beforeWork?: (signal: AbortSignal) => Promise<void>;
  /** Does what needs none of what planning is bounded for. Left out: it is simply done. */
  readonly aside?: Aside;
  /** Is kept up to date while the job is planned. */
  readonly planProgress?: PlanProgress;
  /** Called when it takes time to find out whether another coordinator is alive. Left out: it is logged. */
  readonly onWaiting?: (message: string) => void;
}

/** How far a job may reach. */
export function reachOf({ allowed, seams }: Pick<OpenJobOptions, "allowed" | "seams">): Reach {
  return { allowed, isGuarded: seams.isGuarded };
}

/** Who is told that it takes time. */
export function onWaitingOf({
  onWaiting,
  log,
}: Pick<OpenJobOptions, "onWaiting" | "log">): (message: string) => void {
  return onWaiting ?? ((message) => log.warn({}, message));
}

/** What whoever submits a job may say of it. */
export type SubmitOptions = Pick<
  OpenJobOptions,
  | "fresh"
  | "takes"
  | "ownInput"
  | "resumes"
  | "allowed"
  | "ownWorkersOnly"
  | "priority"
  | "signal"
  | "beforeWork"
  | "onWaiting"
  | "planProgress"
>;

export type OpenedJob =
  | {
      readonly kind: "active";
      readonly job: ActiveJob;
      readonly origin: JobOrigin;
      readonly notes: readonly string[];
    }
  | {
      readonly kind: "published";
      readonly spec: JobSpec;
      readonly stores: JobStores;
      readonly manifest: OutputManifest;
      readonly manifestPath: string;
      /** `nothingNew`: it is the last of several runs, and there is nothing for another. */
      readonly origin: Extract<JobOrigin, { kind: "published" | "nothingNew" }>;
      readonly notes: readonly string[];
    };
