import { orAbort } from "../../shared/core/abort.ts";
import { errorToData } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { BegunRun, RunOptions, StandingCoordinator } from "../../shared/extension/standing.ts";
import { type DecidedRun, type RunOutcome, reasonText } from "./trigger/run-outcome.ts";

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

const RELEASED = Promise.resolve();

/**
 * Begins or resumes a run, and waits until its end is durable. Null: the run was interrupted, and can be
 * resumed later.
 */
export async function servedRun({
  run,
  spec,
  submit,
  options,
  log,
  signal,
}: ServedRun): Promise<DecidedRun | null> {
  let jobId: JobId | null = null;
  try {
    const handle = await submit(await spec(), { fresh: false, ...options, joins: true, signal });
    jobId = handle.jobId;
    for (const note of handle.notes) log.info({ job: jobId, run }, note);
    if (handle.origin.kind === "nothingNew")
      return { outcome: "nothingNew", jobId, failure: null, released: RELEASED };
    log.info({ job: jobId, run }, "a run has started");
    const { phase, failure } = await orAbort(endOf(handle), signal);
    const outcome = phase === "published" || phase === "cancelled" ? phase : "failed";
    log.info({ job: jobId, run, outcome }, "a run has ended");
    const released = handle.ended.then(
      () => {},
      (error: unknown) => log.error(error, "the files of a run cannot be released"),
    );
    return { outcome, jobId, failure, released };
  } catch (error) {
    if (signal.aborted) return null;
    const failure = errorToData(error);
    log.error({ job: jobId, run, reason: reasonText(failure) }, "a run has failed");
    return { outcome: "failed", jobId, failure, released: RELEASED };
  }
}

/** Waits for the end of a run. A published one is not waited for any longer: readers see it whole. */
async function endOf({ ended, decided }: BegunRun): ReturnType<() => BegunRun["ended"]> {
  const phase = decided === undefined ? null : (await Promise.race([decided, ended])).phase;
  return phase === "published" ? { phase, failure: null } : await ended;
}

/** Waits for the files of a run, too: the next run may need them. */
export async function whole(run: Promise<DecidedRun | null>): Promise<RunOutcome | null> {
  const decided = await run;
  if (decided === null) return null;
  const { released, ...outcome } = decided;
  await released;
  return outcome;
}
