import { secondsText, shortCount } from "../coordinator/report/scale.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { TriggerStatus } from "../shared/domain/trigger-status.ts";
import { jobLink } from "./job-link.tsx";
import { Triggers } from "./triggers-view.tsx";

interface JobsProps {
  readonly jobs: readonly JobStatus[];
  readonly triggers: readonly TriggerStatus[];
}

export function JobsView({ jobs, triggers }: JobsProps) {
  return (
    <>
      <h1>Jobs</h1>
      {triggers.length === 0 ? null : <Triggers triggers={triggers} />}
      {jobs.length === 0 ? (
        <p class="soft">
          There are none yet: <code>shardmill submit job.yaml</code>
        </p>
      ) : (
        <ul class="jobs">
          {jobs.toReversed().map((job) => (
            <li key={job.jobId}>
              <a href={jobLink(job.jobId)}>{job.name}</a> <span class="soft">{job.jobId}</span>
              <PhaseLine status={job} />
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

/** How far a job is, in a bar and a line. */
export function PhaseLine({ status }: { readonly status: JobStatus }) {
  const { phase, paused, rowsDone, rowsTotal, rowsPerSecond, secondsLeft, failure, deadLetters } = status;
  const isRunning = phase === "running";
  const parts = [
    paused && isRunning ? "paused" : phase,
    `${shortCount(rowsDone)} of ${shortCount(rowsTotal)} rows`,
    isRunning ? `${shortCount(rowsPerSecond)} rows/s` : null,
    isRunning && secondsLeft !== null ? `${secondsText(secondsLeft)} left` : null,
    deadLetters > 0 ? `${shortCount(deadLetters)} dead letters` : null,
  ];
  return (
    <>
      <progress max={Math.max(1, rowsTotal)} value={rowsDone} aria-label={`Rows done of ${status.name}`} />
      <div class={failure === null ? "soft" : "bad"}>{parts.filter((part) => part !== null).join(" · ")}</div>
      {failure === null ? null : <div class="bad">{failure.message}</div>}
    </>
  );
}
