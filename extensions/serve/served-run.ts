import { orAbort } from "../../shared/core/abort.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { RunOptions, StandingCoordinator } from "../../shared/extension/standing.ts";
import { type RunOutcome, reasonText } from "./trigger/run-outcome.ts";

/** Options of one kind of run. */
export type OwnOptions = Partial<Pick<RunOptions, "takes" | "fresh" | "ownInput">>;

interface ServedRun {
  /** Name of the run in the log. */
  readonly run: string;
  readonly spec: () => Promise<JobSpec>;
  readonly submit: StandingCoordinator["submit"];
  readonly options: OwnOptions;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Begins or resumes a run, and waits for its end. Null: the run was interrupted, and can be resumed later.
 */
export async function servedRun({
  run,
  spec,
  submit,
  options,
  log,
  signal,
}: ServedRun): Promise<RunOutcome | null> {
  let jobId: JobId | null = null;
  try {
    const handle = await submit(await spec(), { fresh: false, ...options, joins: true, signal });
    jobId = handle.jobId;
    for (const note of handle.notes) log.info({ job: jobId, run }, note);
    if (handle.origin.kind === "nothingNew") return { outcome: "nothingNew", jobId, failure: null };
    log.info({ job: jobId, run }, "a run has started");
    const { phase, failure } = await orAbort(handle.ended, signal);
    const outcome = phase === "published" || phase === "cancelled" ? phase : "failed";
    log.info({ job: jobId, run, outcome }, "a run has ended");
    return { outcome, jobId, failure };
  } catch (error) {
    if (signal.aborted) return null;
    const failure = errorToData(error);
    log.error({ job: jobId, run, reason: reasonText(failure) }, "a run has failed");
    return { outcome: "failed", jobId, failure };
  }
}
