import type { PlannedJob } from "../../shared/domain/job.ts";
import type { OpenJournal } from "../journal/journal.ts";
import { replay } from "../schedule/events/replay.ts";
import type { ScheduleConfig } from "../schedule/state/config.ts";
import type { JobState } from "../schedule/state/job-state.ts";
import type { JournalRecord } from "../schedule/state/record.ts";
import type { JobOrigin } from "./job-origin.ts";
import type { JobSeams } from "./job-seams.ts";
import type { OpenJobOptions } from "./opened-job.ts";
import { refuseOtherJob } from "./refuse-other-job.ts";

/** How the run before ended. */
type After = Extract<JobOrigin, { kind: "resumed" }>["after"];

/** The state in the journal; after a run that failed or was cancelled, another run with its commits. */
export async function replayJob(
  planned: PlannedJob,
  opened: OpenJournal,
  options: OpenJobOptions,
): Promise<{ state: JobState; after: After | null }> {
  const config: ScheduleConfig = { ...options.schedule, maxDeadRows: planned.spec.errors.maxRows };
  const state = replay(config, opened.records, opened.generation);
  const { accepted } = state;
  if (accepted !== null) refuseOtherJob(accepted.digests, planned);
  const { kind: phase } = state.phase;
  if (phase !== "failed" && phase !== "cancelled") {
    return { state: atPaths(state, planned), after: accepted === null ? null : "interruption" };
  }
  const revived: JournalRecord = { kind: "jobRevived", jobId: newJobId(planned.spec.name, options.seams) };
  await opened.journal.append(revived, { durable: true });
  const again = replay(config, [...opened.records, revived], opened.generation);
  return { state: atPaths(again, planned), after: phase };
}

/**
 * The job's folder may have been moved since: the files are the same ones (their digest is), and are named
 * where they are now.
 */
function atPaths(state: JobState, { dataset }: PlannedJob): JobState {
  if (state.phase.kind !== "planning") state.files = dataset.files.map(({ path }) => path);
  return state;
}

export function newJobId(name: string, { random }: JobSeams): string {
  return `${name}-${random.hex(4)}`;
}
