import { callerKey } from "../../shared/access/callers.ts";
import { sleep } from "../../shared/core/abort.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SlotsPerPeer, takeEach } from "../../shared/core/slots-per-peer.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { QueueStatus } from "../../shared/domain/queue-status.ts";
import type { ServedStatus } from "../../shared/domain/served-status.ts";
import type { WorkerStatus } from "../../shared/domain/worker.ts";
import type { ViewedJob } from "../../shared/extension/coordinator-view.ts";
import type { HttpCaller } from "../../shared/serving/http-routes.ts";

/** State whose changes a page may observe. */
export interface Watched {
  /** Jobs in the order of submission. */
  jobs(): readonly Omit<ViewedJob, "metrics">[];
  workers(): readonly WorkerStatus[];
  /** Jobs whose runs triggers start. */
  served(): readonly ServedStatus[];
}

/** Interval of checks for changes. People cannot read faster. */
const LOOK_MS = 500;
/** Longest time without an event, so that a broken connection is noticed. */
const ALIVE_MS = 10_000;
/** Limit of changed shards in an event. With more, the page requests all of them. */
const MOST_CHANGES = 4_096;
/** Limit of streams, each of which is checked twice a second. */
const MOST_STREAMS = 64;
/** Limit of one identity's streams: half of all. */
const MOST_OF_ONE = 32;
/** Time limit of a stalled page or reader, which would keep others from watching. */
const STALLED_MS = 60_000;

const streams = new Slots("open pages", { slots: MOST_STREAMS, waiting: 0 });
const streamsOfOne = new SlotsPerPeer("open pages", { slots: MOST_OF_ONE, waiting: 0 });

/**
 * Streams server-sent events. The events are:
 *
 * - `jobs`: new and changed jobs.
 * - `removed`: ids of forgotten jobs.
 * - `triggers`: all jobs with a trigger, when one of them has changed.
 * - `shards`: with a job id, changed cells of the job's map, `[index, cell, ...]`. Null: request all cells.
 *
 * An event is made only after the previous one was consumed. So a slow page gets fewer events and uses no
 * memory here. A page that stalls for long is disconnected, and its browser reconnects later.
 */
export async function eventStream(
  watched: Watched,
  jobId: JobId | null,
  { identity: { name }, peer, confirm }: Pick<HttpCaller, "identity" | "peer" | "confirm">,
  { signal, stalledMs = STALLED_MS }: { readonly signal: AbortSignal; readonly stalledMs?: number },
): Promise<Response> {
  const release = await takeEach(
    () => streamsOfOne.take(callerKey({ name, peer }), signal),
    () => streams.take(signal),
  );
  const events = inEvents(jobId === null ? jobChanges(watched) : shardChanges(watched, jobId), signal);
  const encoder = new TextEncoder();
  let callOff = () => {};
  let isOver = false;
  // A page that disconnects during an event causes two calls of this function.
  const end = () => {
    callOff();
    if (isOver) return;
    isOver = true;
    release();
    events.return(undefined).catch(() => {});
  };
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        callOff();
        try {
          const { value, done } = await events.next();
          confirm();
          if (done === true || isOver) return;
          controller.enqueue(encoder.encode(value));
          callOff = systemClock.after(stalledMs, () => {
            end();
            controller.error(new Error("the browser does not read its events"));
          });
        } catch {
          // The caller is no longer authorized, or has disconnected.
          if (isOver) return;
          end();
          controller.close();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}

/** Polls for changes, and sends a comment from time to time if there are none. */
async function* inEvents(look: () => string, signal: AbortSignal): AsyncGenerator<string> {
  yield "retry: 1000\n\n";
  for (let quietMs = 0; ; quietMs += LOOK_MS) {
    const events = look() || (quietMs >= ALIVE_MS ? ": alive\n\n" : "");
    if (events !== "") {
      quietMs = 0;
      yield events;
    }
    await sleep(LOOK_MS, signal);
  }
}

/**
 * Returns a function that reports all triggers after a change. They are few, and each changes some times per
 * run.
 */
function triggerChanges(watched: Watched): () => string {
  let sent = JSON.stringify([]);
  return () => {
    const triggers: ServedStatus[] = watched
      .served()
      .map(({ name, nextMs, waiting, isRunning, queue, last }) => {
        return { name, nextMs, waiting, isRunning, queue: queue === null ? null : coarse(queue), last };
      });
    const text = JSON.stringify(triggers);
    if (text === sent) return "";
    sent = text;
    return event("triggers", triggers);
  };
}

/** Rounds a queue's status for people. Ages grow constantly, so they change once a second. */
function coarse(queue: QueueStatus): QueueStatus {
  const fill = Math.round(100 * queue.fill) / 100;
  return { ...queue, oldestSeconds: Math.floor(queue.oldestSeconds), fill };
}

function jobChanges(watched: Watched): () => string {
  const sent = new Map<JobId, string>();
  const triggers = triggerChanges(watched);
  return () => {
    const changed: JobStatus[] = [];
    const handles = watched.jobs();
    for (const handle of handles) {
      const status = handle.status();
      const text = JSON.stringify(status);
      if (sent.get(status.jobId) === text) continue;
      sent.set(status.jobId, text);
      changed.push(status);
    }
    const ids = new Set(handles.map(({ jobId }) => jobId));
    const removed = [...sent.keys()].filter((id) => !ids.has(id));
    for (const id of removed) sent.delete(id);
    const jobs = changed.length > 0 ? event("jobs", changed) : "";
    return jobs + (removed.length > 0 ? event("removed", removed) : "") + triggers();
  };
}

function shardChanges(watched: Watched, jobId: JobId): () => string {
  let cells: Uint8Array | "kept" | null = null;
  return () => {
    const view = watched
      .jobs()
      .findLast((handle) => handle.jobId === jobId)
      ?.view();
    if (view === undefined) return "";
    const [before, next] = [cells, view.kind === "live" ? view.cells() : ("kept" as const)];
    cells = next;
    if (next === "kept") return before === "kept" ? "" : event("shards", null);
    // The page requests the cells after this check, so it misses no later change.
    const changes = before === null || before === "kept" ? null : cellChanges(before, next);
    return changes === null || changes.length > 0 ? event("shards", changes) : "";
  };
}

/** Returns the changed cells. Null: too many, or the plan has other shards now. */
function cellChanges(before: Uint8Array, after: Uint8Array): readonly number[] | null {
  if (before.length !== after.length) return null;
  const changes: number[] = [];
  for (let index = 0; index < after.length; index += 1) {
    const cell = after[index] ?? 0;
    if (before[index] === cell) continue;
    if (changes.length >= 2 * MOST_CHANGES) return null;
    changes.push(index, cell);
  }
  return changes;
}

function event(name: string, data: unknown): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}
