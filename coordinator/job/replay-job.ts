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
import { scheduleFor } from "./schedule-for.ts";

/** End of the previous run. */
type After = Extract<JobOrigin, { kind: "resumed" }>["after"];

export interface ReplayedJob {
  readonly state: JobState;
  readonly after: After | null;
  /** Snapshots that the state was restored from, and all records after them. */
  readonly snapshots: readonly FoundSnapshot[];
  readonly records: readonly JournalRecord[];
}

type ReplayOptions = Pick<OpenJobOptions, "schedule" | "resumes" | "seams" | "log">;

/**
 * Restores the state from the journal. After a failed or cancelled run, starts another run that keeps its
 * commits.
 *
 * @throws {JOB_NOT_FOUND} when the run to resume is not in the journal
 * @throws {JOB_ENDED} when the run to resume has failed or was cancelled. The cause has the reason.
 */
export async function replayJob(
  planned: PlannedJob,
  opened: Pick<OpenJournal, "snapshots" | "records" | "generation" | "readAll" | "journal">,
  options: ReplayOptions,
): Promise<ReplayedJob> {
  const config: ScheduleConfig = {
    ...scheduleFor(planned.map, options.schedule),
    maxDeadLetters: planned.spec.errors.maxRows,
  };
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
  if (state.accepted?.jobId !== jobId) throw runIsMissing(jobId, spec.output.path);
  const end = unhappyEnd(state);
  if (end === null) return;
  const phase = state.phase.kind;
  throw new ShardmillError("JOB_ENDED", `job ${jobId} is ${phase}`, {
    fields: { jobId, phase },
    cause: errorFromData({ ...end, problems: [] }),
  });
}

/** Error of a run that was to be resumed, but is not in its output folder. */
export function runIsMissing(jobId: JobId, path: string): ShardmillError {
  return new ShardmillError("JOB_NOT_FOUND", `the work of job ${jobId} is no longer in ${path}`, {
    fields: { jobId, path },
    hint: "submit the job again to start it over: its work was removed, or another job was begun there",
  });
}

/**
 * Replays with the snapshots. If they contradict themselves or the records, replays the whole journal, which
 * is authoritative.
 */
async function replayed(
  config: ScheduleConfig,
  {
    snapshots,
    records,
    generation,
    readAll,
  }: Pick<OpenJournal, "snapshots" | "records" | "generation" | "readAll">,
  { log }: ReplayOptions,
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
 * Replaces the file paths by the current ones. The job's folder may have been moved, but its files have the
 * same digest.
 */
function atPaths(state: JobState, { dataset }: PlannedJob): JobState {
  if (state.phase.kind !== "planning") state.files = dataset.files.map(({ path }) => path);
  return state;
}

export function newJobId(name: string, { random }: JobSeams): JobId {
  return asJobId(`${name}-${random.hex(4)}`);
}
