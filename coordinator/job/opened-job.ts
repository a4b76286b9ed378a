import type { TimedClock } from "../../shared/core/clock.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import type { TakesFile } from "../../shared/domain/new-input.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import type { RunWatch, RunWatchOptions } from "../insight/run-watch.ts";
import type { HeldLock, JobLock } from "../journal/held-lock.ts";
import type { WithoutSlot } from "../plan/plan-job.ts";
import type { PlanProgress } from "../plan/plan-progress.ts";
import type { Reach } from "../plan/read-stores.ts";
import type { TaskResult, TasksToRun } from "../publish/tasks-to-run.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import type { ActiveJob } from "./active-job.ts";
import type { JobOrigin } from "./job-origin.ts";
import type { JobSeams } from "./job-seams.ts";
import type { CheckConversion } from "./pass-conversion.ts";
import type { RunRecorder } from "./run-recorder.ts";
import type { Wake } from "./wake.ts";

export interface OpenJobOptions {
  readonly fresh: boolean;
  /** Selects the files that a new run of an incremental job takes. Default: all. */
  readonly takes?: TakesFile;
  /** The input files were written by this process, so reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  /** Id of the run to resume. No other run is started in its place, and an ended one is not restarted. */
  readonly resumes?: JobId;
  /**
   * True when no workers outside this process are used. Default: false, and others may be of an earlier
   * version.
   */
  readonly ownWorkersOnly?: boolean;
  readonly clock: TimedClock;
  readonly log: Logger;
  readonly schedule: Omit<ScheduleConfig, "maxDeadLetters">;
  readonly seams: JobSeams;
  readonly recorder: RunRecorder;
  readonly reportOf: RunWatchOptions["reportOf"];
  /** Store requests of this process before the job was opened. */
  readonly storesBefore: readonly StoreCounts[];
  /** Time at which the coordinator received the job, by its clock. */
  readonly beganMs: number;
  readonly onWake: (wake: Wake | "all") => void;
  /** Runs the tasks of a reduction on workers, see `RunTasks`. */
  readonly runTasks: (
    tasks: TasksToRun,
    outer: OuterJob,
    signal: AbortSignal,
  ) => Promise<readonly TaskResult[] | null>;
  /** Default: the priority that a resumed job had. */
  readonly priority?: number;
  /** Locations that the job may open, as in `JobStores`. Default: all. */
  readonly allowed?: readonly string[] | undefined;
  readonly signal: AbortSignal;
  readonly checkConversion?: CheckConversion;
  /**
   * Called once there is work to do, before anything is written. This is the last chance to refuse the job.
   */
  readonly beforeWork?: (signal: AbortSignal) => Promise<void>;
  /** Runs a task outside the bound on planning. Default: the task runs directly. */
  readonly withoutSlot?: WithoutSlot;
  /** Updated while the job is planned. */
  readonly planProgress?: PlanProgress;
  /**
   * Called when it takes time to check whether another coordinator still runs. Default: the message is
   * logged.
   */
  readonly onWaiting?: (message: string) => void;
}

/** Job whose reduction is divided into tasks, and what its inner jobs share with it. */
export interface OuterJob
  extends Pick<OpenJobOptions, "clock" | "seams" | "log" | "schedule" | "reportOf" | "onWake"> {
  readonly planned: PlannedJob;
  readonly paths: WorkPaths;
  readonly storage: Storage;
  readonly checksums?: StoredChecksums | undefined;
  readonly lock: JobLock & Pick<HeldLock, "look" | "makeFolder">;
  readonly runWatch: Pick<RunWatch, "tasks">;
  /** Returns the priority of the job, which its tasks have, too. */
  readonly priority: () => number;
}

/** Returns which locations a job may reach. */
export function reachOf({ allowed, seams }: Pick<OpenJobOptions, "allowed" | "seams">): Reach {
  return { allowed, isGuarded: seams.isGuarded };
}

/** Returns the receiver of messages about a long wait. */
export function onWaitingOf({
  onWaiting,
  log,
}: Pick<OpenJobOptions, "onWaiting" | "log">): (message: string) => void {
  return onWaiting ?? ((message) => log.warn({}, message));
}

/** Options that a submitter may set. */
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
      /** `nothingNew`: the last run of an incremental job, when there is no input for another run. */
      readonly origin: Extract<JobOrigin, { kind: "published" | "nothingNew" }>;
      readonly notes: readonly string[];
    };
