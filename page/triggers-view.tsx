import type { QueueStatus } from "../shared/domain/queue-status.ts";
import type { ServedOutcome, ServedStatus } from "../shared/domain/served-status.ts";
import { secondsText, shortCount } from "../shared/plots/scale.ts";
import { jobLink } from "./job-link.tsx";
import { Head } from "./job-tabs.tsx";

interface TriggersProps {
  readonly triggers: readonly ServedStatus[];
}

/** Jobs whose runs `serve` makes: by a schedule, by new files, or over queues. */
export function Triggers({ triggers }: TriggersProps) {
  const queues = triggers.flatMap(({ name, queue }) => (queue === null ? [] : [{ name, queue }]));
  const others = triggers.filter(({ queue }) => queue === null);
  return (
    <>
      {others.length === 0 ? null : <Others triggers={others} />}
      {queues.length === 0 ? null : <Queues queues={queues} />}
      <h2>Runs and other jobs</h2>
    </>
  );
}

/** Next and last runs of jobs with triggers. */
function Others({ triggers }: TriggersProps) {
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
                <td class="line">{trigger.nextMs === null ? "on new input" : timeText(trigger.nextMs)}</td>
                <td class="n">{trigger.waiting}</td>
                <td>{trigger.isRunning ? "running" : "idle"}</td>
                <td>
                  <LastRun last={trigger.last} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </>
  );
}

const QUEUE_COLUMNS = [
  ["job"],
  ["running windows"],
  ["waiting", "n"],
  ["oldest", "n"],
  ["next window", "n"],
  ["published", "n"],
  ["dead letters", "n"],
] as const;

/** Backlog of each queue, and the outcomes of its messages. */
function Queues({ queues }: { readonly queues: readonly { name: string; queue: QueueStatus }[] }) {
  return (
    <>
      <h2>By queues</h2>
      <div class="wide" tabIndex={0} role="group" aria-label="Jobs over a queue">
        <table>
          <Head columns={QUEUE_COLUMNS} />
          <tbody>
            {queues.map(({ name, queue }) => (
              <tr key={name}>
                <td>{name}</td>
                <td class="line">
                  <Windows {...queue} />
                </td>
                <td class="n">
                  {queue.waiting === null ? <span class="soft">unknown</span> : shortCount(queue.waiting)}
                </td>
                <td class="n">
                  {isNothingOut(queue) ? <span class="soft">none</span> : secondsText(queue.oldestSeconds)}
                </td>
                <td class="n">{Math.round(100 * queue.fill)} % full</td>
                <td class="n">{shortCount(queue.ended.published)}</td>
                <td class={queue.ended.deadLettered > 0 ? "n warn" : "n"}>
                  {shortCount(queue.ended.deadLettered)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft">
        Messages: those that wait at the broker, the age of the oldest one that is received and not
        acknowledged, and the outcomes of others since <code>serve</code> was started.
      </p>
    </>
  );
}

function isNothingOut({ openWindows, fill }: QueueStatus): boolean {
  return openWindows === 0 && fill === 0;
}

function Windows({ openWindows, failingWindows }: QueueStatus) {
  if (failingWindows === 0) return openWindows === 0 ? "none" : String(openWindows);
  return (
    <span class="bad">
      {openWindows}, {failingWindows} failing
    </span>
  );
}

const OUTCOME_TEXTS = {
  published: "published",
  nothingNew: "no new input",
  failed: "failed",
  cancelled: "cancelled",
} as const satisfies Record<ServedOutcome, string>;

function LastRun({ last }: Pick<ServedStatus, "last">) {
  if (last === null) return <span class="soft">none yet</span>;
  const text = `${OUTCOME_TEXTS[last.outcome]}, ${timeText(last.endedMs)}`;
  return (
    <span class={last.outcome === "failed" ? "bad" : ""}>
      {last.jobId === null ? text : <a href={jobLink(last.jobId)}>{text}</a>}
      {last.reason === null ? null : <div>{last.reason}</div>}
    </span>
  );
}

/** Formats a time in the user's time zone. */
function timeText(ms: number): string {
  return new Date(ms).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}
