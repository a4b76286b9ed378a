import { errorFromData, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import { asJobId, type JobId } from "../../shared/domain/job-id.ts";
import type { OpenJournal } from "../journal/journal.ts";
import { bodiesOf, type FoundSnapshot } from "../journal/snapshot-file.ts";
import { SNAPSHOTS_OF_NO_USE } from "../journal/snapshots.ts";
import { replay } from "../schedule/events/replay.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import { type JobState, unhappyEnd } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import type { JobOrigin } from "./job-origin.ts";
import type { JobSeams } from "./job-seams.ts";
import type { OpenJobOptions } from "./opened-job.ts";
import { refuseOtherJob } from "./refuse-other-job.ts";

/** How the run before ended. */
type After = Extract<JobOrigin, { kind: "resumed" }>["after"];

export interface ReplayedJob {
  readonly state: JobState;
  readonly after: After | null;
  /** What the state was made of: the snapshots, and all records behind them. */
  readonly snapshots: readonly FoundSnapshot[];
  readonly records: readonly JournalRecord[];
}

/**
 * The state in the journal; after a run that failed or was cancelled, another run with its commits.
 *
 * @throws {JOB_NOT_FOUND} {JOB_ENDED} when the run that is to go on is not there, or has failed or been
 * cancelled: how is the cause
 */
export async function replayJob(
  planned: PlannedJob,
  opened: OpenJournal,
  options: OpenJobOptions,
): Promise<ReplayedJob> {
  const config: ScheduleConfig = { ...options.schedule, maxDeadRows: planned.spec.errors.maxRows };
  const { state, ...history } = await replayed(config, opened, options);
  const { accepted } = state;
  if (options.resumes !== undefined) refuseOtherThan(options.resumes, state, planned);
  if (accepted !== null) refuseOtherJob(accepted.digests, planned);
  const { kind: phase } = state.phase;
  if (phase !== "failed" && phase !== "cancelled") {
    return { ...history, state: atPaths(state, planned), after: accepted === null ? null : "interruption" };
  }
  const revived: JournalRecord = { kind: "jobRevived", jobId: newJobId(planned.spec.name, options.seams) };
  await opened.journal.append(revived, { durable: true });
  const { snapshots } = history;
  const records = [...history.records, revived];
  const again = replay(config, records, opened.generation, bodiesOf(snapshots));
  return { state: atPaths(again, planned), after: phase, snapshots, records };
}

function refuseOtherThan(jobId: JobId, state: JobState, { spec }: PlannedJob): void {
  if (state.accepted?.jobId !== jobId) throw runIsGone(jobId, spec.output.path);
  const end = unhappyEnd(state);
  if (end === null) return;
  const phase = state.phase.kind;
  throw new ShardmillError("JOB_ENDED", `job ${jobId} is ${phase}`, {
    fields: { jobId, phase },
    cause: errorFromData({ ...end, problems: [] }),
  });
}

/** A run that was to go on, and of which its output folder knows nothing. */
export function runIsGone(jobId: JobId, path: string): ShardmillError {
  return new ShardmillError("JOB_NOT_FOUND", `what job ${jobId} had done is not in ${path} any more`, {
    fields: { jobId, path },
    hint: "somebody removed it, or began another job there: submit the job again to begin it anew",
  });
}

/**
 * With the help of the snapshots, and without it where these contradict themselves or the records: the
 * journal alone decides.
 */
async function replayed(
  config: ScheduleConfig,
  { snapshots, records, generation, readAll }: OpenJournal,
  { log }: OpenJobOptions,
): Promise<Omit<ReplayedJob, "after">> {
  if (snapshots.length > 0) {
    try {
      const state = replay(config, records, generation, bodiesOf(snapshots));
      return { state, snapshots, records };
    } catch (error) {
      log.warn({ reason: messageOf(error) }, SNAPSHOTS_OF_NO_USE);
    }
  }
  const all = snapshots.length > 0 ? await readAll() : records;
  return { state: replay(config, all, generation), snapshots: [], records: all };
}

/**
 * The job's folder may have been moved since: the files are the same ones (their digest is), and are named
 * where they are now.
 */
function atPaths(state: JobState, { dataset }: PlannedJob): JobState {
  if (state.phase.kind !== "planning") state.files = dataset.files.map(({ path }) => path);
  return state;
}

export function newJobId(name: string, { random }: JobSeams): JobId {
  return asJobId(`${name}-${random.hex(4)}`);
}
