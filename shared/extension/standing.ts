import type { Options } from "yargs";
import type { ErrorData } from "../core/errors.ts";
import type { Logger } from "../core/log.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { JobStatus } from "../domain/job-status.ts";
import type { TakesFile } from "../domain/new-input.ts";
import type { ServedFacts } from "../domain/served-status.ts";

/** Coordinator with workers on its machine, for a command that keeps running. */
export interface StandingHost {
  /** Options of the coordinator, which the command has besides its own. Their names are unknown here. */
  readonly options: Readonly<Record<never, Options>>;
  /**
   * Starts the coordinator, runs the work, and closes it. The exit code is then that of a stopped process.
   *
   * @param args arguments of the command
   * @throws {ARGUMENT_INVALID} {DEVICE_UNAVAILABLE}, errors of the work, and the reason why no coordinator
   * starts
   */
  run(args: object, work: StandingWork): Promise<void>;
}

export interface StandingWork {
  /** Name of the process in its log: `serve`. */
  readonly name: string;
  /** Returns facts of its jobs for pages and metrics. */
  facts(): readonly ServedFacts[];
  /** Works until the coordinator's signal is aborted. */
  serve(coordinator: StandingCoordinator): Promise<void>;
}

export interface StandingCoordinator {
  /** Begins a run, or joins one that has begun. @throws errors of planning */
  submit(spec: JobSpec, options: RunOptions): Promise<BegunRun>;
  /** True when jobs must not reach addresses that only this machine can reach. */
  readonly isGuarded: boolean;
  readonly log: Logger;
  /** Aborts when the process must stop. Running jobs are resumed after a restart. */
  readonly signal: AbortSignal;
}

export interface RunOptions {
  readonly joins: true;
  /** Begins the run again, and drops all earlier work. */
  readonly fresh: boolean;
  /** Files that a run over new files reads if it begins now. Default: all. */
  readonly takes?: TakesFile;
  /** The input files come from this process itself. Default: false. */
  readonly ownInput?: boolean;
  readonly signal: AbortSignal;
}

/** Run that has begun or joined. */
export interface BegunRun {
  readonly jobId: JobId;
  /** Origin of the run. `nothingNew`: no run was begun. */
  readonly origin: { readonly kind: string };
  /** Lines for people about the input. */
  readonly notes: readonly string[];
  /** Last status of the job. Rejects if the coordinator had to release the job. */
  readonly ended: Promise<Pick<JobStatus, "phase"> & { readonly failure: ErrorData | null }>;
  /** Resolves once the end is durable, before work files are removed. Default: only `ended` does. */
  readonly decided?: Promise<Pick<JobStatus, "phase">>;
}
