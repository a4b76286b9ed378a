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
    "Times of the job's schedule that are to run, with the one at work",
    ({ waiting }) => waiting,
  ),
  ofTriggers("running", "gauge", "1 while a run of the job is at work", ({ isRunning }) => Number(isRunning)),
  ofTriggers(
    "left_out_total",
    "counter",
    "How often times of the job's schedule were left out; several side by side count once",
    ({ leftOut }) => leftOut,
  ),
  ofTriggers(
    "retries_total",
    "counter",
    "How often a run of the job failed that is begun again by itself: one of a schedule while `trigger.retries` are left, and any of a window of messages",
    ({ retries }) => retries,
  ),
  {
    name: "shardmill_trigger_runs_total",
    type: "counter",
    help: "Runs of the job that have ended, by how: one that failed and is begun again by itself has not",
    labels: ["name", "outcome"],
    read: ({ triggers }) =>
      triggers.flatMap(({ name, ended }) =>
        SERVED_OUTCOMES.map((outcome) => ({ labels: [name, outcome], value: ended[outcome] })),
      ),
  },
  ofQueues(
    "waiting_messages",
    "Messages that wait at the broker, where it says so",
    ({ waiting }) => waiting,
  ),
  ofQueues(
    "oldest_unsettled_seconds",
    "How long ago the oldest message was sent that was taken and is not settled",
    ({ oldestSeconds }) => oldestSeconds,
  ),
  ofQueues("window_fill_ratio", "How full the window is that is gathered, from 0 to 1", ({ fill }) => fill),
  ofQueues("open_windows", "Windows whose messages are not settled yet", ({ openWindows }) => openWindows),
  ofQueues(
    "failing_windows",
    "Windows whose run has failed, and is tried again",
    ({ failingWindows }) => failingWindows,
  ),
  ofQueues(
    "known_keys",
    "Keys of published messages that are remembered, to tell duplicates by",
    ({ knownKeys }) => knownKeys,
  ),
  {
    name: "shardmill_queue_messages_total",
    type: "counter",
    help: "Messages that were settled, by what became of them",
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
