import type { Options } from "yargs";
import type { ErrorData } from "../core/errors.ts";
import type { Logger } from "../core/log.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { JobStatus } from "../domain/job-status.ts";
import type { TakesFile } from "../domain/new-input.ts";
import type { ServedFacts } from "../domain/served-status.ts";

/** Coordinator that a command has for as long as it stays, with worker processes on its machine. */
export interface StandingHost {
  /** Options by which it is started, which the command has beside its own. Their names are not known here. */
  readonly options: Readonly<Record<never, Options>>;
  /**
   * Starts it, has the work done, and closes it. Then the exit code is that of a process that was stopped.
   *
   * @param args arguments of the command
   * @throws {ARGUMENT_INVALID} {DEVICE_UNAVAILABLE}, what the work throws, and why no coordinator starts
   */
  run(args: object, work: StandingWork): Promise<void>;
}

export interface StandingWork {
  /** Name of the process in its log: `serve`. */
  readonly name: string;
  /** Returns the facts of its jobs, which pages and metrics show. */
  facts(): readonly ServedFacts[];
  /** Works until the coordinator's signal is aborted. */
  serve(coordinator: StandingCoordinator): Promise<void>;
}

export interface StandingCoordinator {
  /** Begins a run, or joins one that has begun already. @throws what planning throws */
  submit(spec: JobSpec, options: RunOptions): Promise<BegunRun>;
  /** Whether jobs may lead to nothing that only this machine can reach. */
  readonly isGuarded: boolean;
  readonly log: Logger;
  /** Aborted when the process is asked to stop. What runs then is resumed after a restart. */
  readonly signal: AbortSignal;
}

export interface RunOptions {
  readonly joins: true;
  /** Begins it anew, whatever was done of it. */
  readonly fresh: boolean;
  /** Of a job over what is new: which files a run takes that begins now. Default: all. */
  readonly takes?: TakesFile;
  /** This process wrote the input files itself. Default: false. */
  readonly ownInput?: boolean;
  readonly signal: AbortSignal;
}

/** Run at work. */
interface BegunRun {
  readonly jobId: JobId;
  /** `nothingNew`: no run was begun. */
  readonly origin: { readonly kind: string };
  /** Lines for people about its input. */
  readonly notes: readonly string[];
  /** Last status of the job. It rejects when the coordinator had to let go of the job. */
  readonly ended: Promise<Pick<JobStatus, "phase"> & { readonly failure: ErrorData | null }>;
}
