import { MESSAGE_OUTCOMES, type QueueStatus } from "../../../shared/domain/queue-status.ts";
import { SERVED_OUTCOMES, type ServedFacts } from "../../../shared/domain/served-status.ts";
import type { Metric } from "../../../shared/metrics/metric.ts";

interface TriggersFacts {
  readonly triggers: readonly ServedFacts[];
}

export const TRIGGER_METRICS: readonly Metric<TriggersFacts>[] = [
  ofTriggers("next_run_timestamp_seconds", "gauge", "When the job's schedule is due next", ({ nextMs }) =>
    nextMs === null ? null : nextMs / 1_000,
  ),
  ofTriggers(
    "last_published_timestamp_seconds",
    "gauge",
    "When a run of the job last ended published",
    ({ publishedMs }) => (publishedMs === null ? null : publishedMs / 1_000),
  ),
  ofTriggers(
    "waiting_runs",
    "gauge",
    "Due runs of the job's schedule, including the running one",
    ({ waiting }) => waiting,
  ),
  ofTriggers("running", "gauge", "1 while a run of the job is in progress", ({ isRunning }) =>
    Number(isRunning),
  ),
  ofTriggers(
    "left_out_total",
    "counter",
    "Skipped runs of the job's schedule. Consecutive ones count once",
    ({ skippedTimes }) => skippedTimes,
  ),
  ofTriggers(
    "retries_total",
    "counter",
    "Failures of runs that are retried: runs of a schedule while `trigger.retries` are left, and all runs of windows",
    ({ retries }) => retries,
  ),
  {
    name: "shardmill_trigger_runs_total",
    type: "counter",
    help: "Ended runs of the job, by outcome. A failed run that is retried has not ended",
    labels: ["name", "outcome"],
    read: ({ triggers }) =>
      triggers.flatMap(({ name, ended }) =>
        SERVED_OUTCOMES.map((outcome) => ({ labels: [name, outcome], value: ended[outcome] })),
      ),
  },
  ofQueues(
    "waiting_messages",
    "Messages that wait at the broker, if it reports them",
    ({ waiting }) => waiting,
  ),
  ofQueues(
    "oldest_unacknowledged_seconds",
    "Age of the oldest message that was received and not acknowledged",
    ({ oldestSeconds }) => oldestSeconds,
  ),
  ofQueues("window_fill_ratio", "Fill of the window that gathers messages, from 0 to 1", ({ fill }) => fill),
  ofQueues(
    "open_windows",
    "Windows whose messages are not acknowledged yet",
    ({ openWindows }) => openWindows,
  ),
  ofQueues(
    "failing_windows",
    "Windows whose run has failed, and is retried",
    ({ failingWindows }) => failingWindows,
  ),
  ofQueues(
    "known_keys",
    "Remembered keys of published messages, to detect duplicates",
    ({ knownKeys }) => knownKeys,
  ),
  {
    name: "shardmill_queue_messages_total",
    type: "counter",
    help: "Acknowledged messages, by outcome",
    labels: ["name", "outcome"],
    read: ({ triggers }) =>
      triggers.flatMap(({ name, queue }) =>
        queue === null
          ? []
          : MESSAGE_OUTCOMES.map((outcome) => ({ labels: [name, outcome], value: queue.ended[outcome] })),
      ),
  },
];

function ofQueues(
  name: string,
  help: string,
  value: (facts: QueueStatus) => number | null,
): Metric<TriggersFacts> {
  return {
    name: `shardmill_queue_${name}`,
    type: "gauge",
    help,
    labels: ["name"],
    read: ({ triggers }) =>
      triggers.flatMap(({ name: job, queue }) => {
        const found = queue === null ? null : value(queue);
        return found === null ? [] : [{ labels: [job], value: found }];
      }),
  };
}

function ofTriggers(
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: (facts: ServedFacts) => number | null,
): Metric<TriggersFacts> {
  return {
    name: `shardmill_trigger_${name}`,
    type,
    help,
    labels: ["name"],
    read: ({ triggers }) =>
      triggers.flatMap((facts) => {
        const found = value(facts);
        return found === null ? [] : [{ labels: [facts.name], value: found }];
      }),
  };
}
