import { secondsText, shortCount } from "../coordinator/report/scale.ts";
import type { JobStatus } from "../shared/domain/job-status.ts";
import type { TriggerOutcome, TriggerStatus } from "../shared/domain/trigger-status.ts";
import { Head } from "./job-tabs.tsx";

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

/** Jobs whose runs are made by `serve`: when the next one is, and what came of the last. */
function Triggers({ triggers }: Pick<JobsProps, "triggers">) {
  return (
    <>
      <h2>By triggers</h2>
      <div class="wide" tabIndex={0} role="group" aria-label="Jobs with a trigger">
        <table>
          <Head columns={[["job"], ["next run"], ["waiting", "n"], ["now"], ["last run"]]} />
          <tbody>
            {triggers.map((trigger) => (
              <tr key={trigger.name}>
                <td>{trigger.name}</td>
                <td class="line">
                  {trigger.nextMs === null ? "when something comes" : timeText(trigger.nextMs)}
                </td>
                <td class="n">{trigger.waiting}</td>
                <td>{trigger.isRunning ? "at work" : "idle"}</td>
                <td>
                  <LastRun last={trigger.last} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>Runs and other jobs</h2>
    </>
  );
}

const OUTCOME_TEXTS = {
  published: "published",
  nothingNew: "nothing was new",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies Record<TriggerOutcome, string>;

function LastRun({ last }: Pick<TriggerStatus, "last">) {
  if (last === null) return <span class="soft">none yet</span>;
  const text = `${OUTCOME_TEXTS[last.outcome]}, ${timeText(last.endedMs)}`;
  return (
    <span class={last.outcome === "failed" ? "bad" : ""}>
      {last.jobId === null ? text : <a href={jobLink(last.jobId)}>{text}</a>}
      {last.reason === null ? null : <div>{last.reason}</div>}
    </span>
  );
}

/** By the clock of who looks. */
function timeText(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

export function jobLink(jobId: string, tab = "overview"): string {
  return `#/job/${encodeURIComponent(jobId)}/${tab}`;
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
