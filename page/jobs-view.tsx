import { useState } from "preact/hooks";
import { formatCount } from "../shared/core/units.ts";
import { isEnded } from "../shared/domain/job.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { ServedStatus } from "../shared/domain/served-status.ts";
import { runningTasks } from "../shared/domain/task-run.ts";
import { secondsText, shortCount } from "../shared/plots/scale.ts";
import { tasksProgressText } from "../shared/terminal/task-text.ts";
import { jobLink } from "./job-link.tsx";
import { Head } from "./job-tabs.tsx";
import { Triggers } from "./triggers-view.tsx";

/** Ended jobs that are shown at first: about a screen. */
const FIRST_SHOWN = 20;

interface JobsProps {
  readonly jobs: readonly JobStatus[];
  readonly triggers: readonly ServedStatus[];
}

export function JobsView({ jobs, triggers }: JobsProps) {
  const newest = jobs.toReversed();
  const active = newest.filter(({ phase }) => !isEnded(phase));
  const ended = newest.filter(({ phase }) => isEnded(phase));
  return (
    <>
      <h1>Jobs</h1>
      {triggers.length === 0 ? null : <Triggers triggers={triggers} />}
      {jobs.length > 0 ? null : (
        <p class="soft">
          There are no jobs yet: <code>shardmill submit job.yaml</code>
        </p>
      )}
      <ul class="jobs">
        {active.map((job) => (
          <li key={job.jobId}>
            <a href={jobLink(job.jobId)}>{job.name}</a> <span class="soft">{job.jobId}</span>
            <PhaseLine status={job} countOf={shortCount} />
          </li>
        ))}
      </ul>
      {ended.length === 0 ? null : <EndedJobs jobs={ended} />}
    </>
  );
}

function EndedJobs({ jobs }: { readonly jobs: readonly JobStatus[] }) {
  const [shown, setShown] = useState(FIRST_SHOWN);
  return (
    <>
      <h2>Ended</h2>
      <div class="wide" tabIndex={0} role="group" aria-label="Ended jobs">
        <table>
          <Head columns={[["job"], ["id"], ["state"], ["rows", "n"], ["dead letters", "n"], ["took", "n"]]} />
          <tbody>
            {jobs.slice(0, shown).map((job) => (
              <tr key={job.jobId}>
                <td>
                  <a href={jobLink(job.jobId)}>{job.name}</a>
                </td>
                <td class="soft line">{job.jobId}</td>
                <td class={STATE_CLASSES[job.phase] ?? ""}>
                  {job.phase}
                  {job.failure === null ? null : <div class="reason">{job.failure.message}</div>}
                </td>
                <td class="n">
                  {job.rowsDone === job.rowsTotal
                    ? formatCount(job.rowsTotal)
                    : `${formatCount(job.rowsDone)} of ${formatCount(job.rowsTotal)}`}
                </td>
                <td class="n">{job.deadLetters === 0 ? "" : formatCount(job.deadLetters)}</td>
                <td class="n">{secondsText(job.seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {jobs.length <= shown ? null : (
        <button type="button" onClick={() => setShown(jobs.length)}>
          Show {formatCount(jobs.length - shown)} older
        </button>
      )}
    </>
  );
}

const STATE_CLASSES: Readonly<Record<string, string>> = {
  published: "good",
  failed: "bad",
  cancelled: "soft",
};

interface PhaseLineProps {
  readonly status: JobStatus;
  /** Formats a count: short in lists, in full on the page of the job. */
  readonly countOf: (count: number) => string;
}

/** Progress of a job, as a bar and a line. */
export function PhaseLine({ status, countOf }: PhaseLineProps) {
  const { phase, paused, rowsDone, rowsTotal, rowsPerSecond, secondsLeft, deadLetters } = status;
  const isRunning = phase === "running";
  const tasks = runningTasks(status);
  const parts = [
    paused && isRunning ? "paused" : phase,
    `${countOf(rowsDone)} of ${countOf(rowsTotal)} rows`,
    tasks === null ? null : tasksProgressText(tasks),
    isRunning ? `${shortCount(rowsPerSecond)} rows/s` : null,
    isRunning && secondsLeft !== null ? `${secondsText(secondsLeft)} left` : null,
    deadLetters > 0 ? `${countOf(deadLetters)} ${deadLetters === 1 ? "dead letter" : "dead letters"}` : null,
  ];
  return (
    <>
      <progress
        class={STATE_CLASSES[phase]}
        max={Math.max(1, rowsTotal)}
        value={rowsDone}
        aria-label={`Rows done of ${status.name}`}
      />
      <div class={phase === "failed" ? "bad" : "soft"}>
        {parts.filter((part) => part !== null).join(" · ")}
      </div>
    </>
  );
}
