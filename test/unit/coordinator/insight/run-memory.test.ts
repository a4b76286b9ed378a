import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KEPT_MEASURE, RunMemory } from "../../../../coordinator/insight/run-memory.ts";
import { TimeLine } from "../../../../coordinator/insight/time-line.ts";
import { jobProgress } from "../../../../coordinator/schedule/state/progress.ts";
import type { WorkerHistory } from "../../../../shared/domain/run-history.ts";
import { aConfig, aPartial, aPlan, TestJob } from "../schedule/harness.ts";
import { World } from "../schedule/world.ts";
import { STEPS } from "../schedule/world-steps.ts";

type Told = ReturnType<RunMemory["history"]>;

const ALL = { workers: 10_000, spans: 10_000, allSpans: 1e9, samples: 10_000 };

/** Returns a memory that records the job's events from now on. */
function remember(job: TestJob): RunMemory {
  const memory = new RunMemory({ beganMs: job.nowMs, beganWallMs: 0 });
  job.onApplied = (event, effects) => memory.applied(job.nowMs, job.state.phase.kind, event, effects);
  return memory;
}

function aJob(shards: number) {
  const job = TestJob.running(aPlan(shards, 10));
  return { job, memory: remember(job) };
}

/** Formats the spans of a worker as texts: line, from, to, end. */
function spansOf(history: Told, name: string): string[] {
  const { line, from, to, end, backup, attempts } = workerOf(history, name).spans;
  return line.map((at, index) => {
    const marks = `${backup[index] === 1 ? " backup" : ""}${attempts[index] === 1 ? "" : ` x${attempts[index]}`}`;
    return `${at}: ${from[index]}-${to[index]} ${end[index]}${marks}`;
  });
}

function workerOf({ workers }: Told, name: string): WorkerHistory {
  const worker = workers.find((each) => each.name === name);
  if (worker === undefined) throw new Error(`no worker ${name}`);
  return worker;
}

describe("the time line of a worker", () => {
  test("each attempt is a span with its start, its end and its outcome", () => {
    const { job, memory } = aJob(4);
    const anna = job.join("anna", 2);
    const first = job.grant(anna);
    job.nowMs += 1_000;
    const second = job.grant(anna);
    job.nowMs += 1_000;
    const partial = aPartial(first.shard, first.token);
    job.offer(anna, partial);
    job.nowMs += 500;
    job.stored(partial);
    job.fail(second);
    job.nowMs += 500;
    job.grant(anna);
    const history = memory.history(ALL);
    expect(spansOf(history, "anna")).toEqual(["0: 0-2 committed", "0: 3-3 running", "1: 1-2.5 failed"]);
    expect(history).toMatchObject({ attempts: 3, commits: 1, ends: { committed: 1, failed: 1 } });
    expect(workerOf(history, "anna")).toMatchObject({ rows: 10, connectedSeconds: 3 });
    expect(history.slowest).toEqual([{ shard: 0, worker: "anna", seconds: 2 }]);
  });

  test("an attempt of a lost worker stays marked as lost, also if its partial is committed", () => {
    const { job, memory } = aJob(2);
    const [anna, bert] = [job.join("anna"), job.join("bert")];
    const { shard, token } = job.grant(anna);
    const partial = aPartial(shard, token);
    job.nowMs += 1_000;
    job.lose(anna);
    job.offer(bert, partial);
    job.stored(partial);
    const history = memory.history(ALL);
    expect(spansOf(history, "anna")).toEqual(["0: 0-1 lost"]);
    expect(history).toMatchObject({ commits: 1, ends: { lost: 1, committed: 0 } });
  });

  test("a backup is marked, and the slower attempt is marked as superseded", () => {
    const slow = { slowFactor: 2, minMs: 1_000, maxShare: 1 };
    const job = TestJob.running(aPlan(4, 10), aConfig({ backup: slow, leaseMs: 600_000 }));
    const memory = remember(job);
    const anna = job.join("anna");
    const bert = job.join("bert");
    const stuck = job.grant(anna);
    for (let shard = 1; shard < 4; shard += 1) {
      const { shard: mapped, token } = job.grant(bert);
      job.nowMs += 1_000;
      const partial = aPartial(mapped, token);
      job.offer(bert, partial);
      job.stored(partial);
    }
    job.nowMs += 60_000;
    job.beat(anna, stuck);
    const { shard, token } = job.grant(bert);
    job.nowMs += 1_000;
    const partial = aPartial(shard, token);
    job.offer(bert, partial);
    job.stored(partial);
    const history = memory.history(ALL);
    expect(spansOf(history, "anna")).toEqual(["0: 0-64 superseded"]);
    expect(spansOf(history, "bert").at(-1)).toBe("0: 63-64 committed backup");
    expect(history).toMatchObject({ backups: 1, ends: { committed: 4, superseded: 1 } });
  });

  test("a failed attempt stays visible when short neighboring spans are merged", () => {
    const line = new TimeLine();
    for (let at = 0; at < 3_000; at += 1) {
      const span = line.begin(at * 10, at, false);
      line.end(span, at * 10 + 10, at === 1_500 ? "failed" : "committed", 256);
    }
    for (const most of [256, 40]) {
      const { end, attempts, from, to } = line.spans(30_000, 0, most);
      expect(end.length).toBeLessThanOrEqual(most);
      expect(end.filter((each) => each === "failed")).toHaveLength(1);
      expect(attempts.reduce((all, one) => all + one, 0)).toBe(3_000);
      expect([from[0], to.at(-1)]).toEqual([0, 30]);
    }
  });

  test("with one span for each line, that span has the worst outcome of its line", () => {
    const line = new TimeLine();
    for (let at = 0; at < 1_000; at += 1) {
      const pair = [line.begin(at, 2 * at, false), line.begin(at, 2 * at + 1, at % 7 === 0)];
      for (const [index, span] of pair.entries())
        line.end(span, at + 1, (at + index) % 2 === 0 ? "expired" : "committed", 2);
    }
    const { end, attempts, line: lines } = line.spans(1_000, 0, 2);
    expect(lines).toEqual([0, 1]);
    expect(end).toEqual(["expired", "expired"]);
    expect(attempts).toEqual([1_000, 1_000]);
  });
});

/** Returns the greatest number of simultaneous spans of a worker. A span ends where the next one begins. */
function mostAtOnce({ line, from, to }: WorkerHistory["spans"]): { lines: number; overlaps: number } {
  let overlaps = 0;
  for (let a = 0; a < line.length; a += 1)
    for (let b = a + 1; b < line.length; b += 1) {
      const apart = (to[a] ?? 0) <= (from[b] ?? 0) || (to[b] ?? 0) <= (from[a] ?? 0);
      if (line[a] === line[b] && !apart) overlaps += 1;
    }
  return { lines: line.reduce((most, one) => Math.max(most, one + 1), 0), overlaps };
}

test("after any events, no line has overlapping attempts, lines fit into slots, and counts match the state", () => {
  let checked = 0;
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 0xffff }), { minLength: 60, maxLength: 250, size: "max" }), (seed) => {
      let at = 0;
      const pick = (below: number) => {
        at += 1;
        return ((seed[at % seed.length] ?? 0) + at * 7919) % below;
      };
      const world = new World(pick, aConfig({ maxAttempts: 3, maxDeadLetters: 100 }), 5, 2);
      const { job } = world;
      const memory = remember(job);
      const slots = new Map<string, number>();
      const tell = job.onApplied;
      job.onApplied = (event, effects) => {
        tell(event, effects);
        for (const name of job.state.workerNames.keys()) {
          const mine = [...job.state.workers.values()].filter((worker) => worker.name === name);
          const now = mine.reduce((all, worker) => all + worker.slots, 0);
          slots.set(name, Math.max(now, slots.get(name) ?? 0));
        }
      };
      for (let step = 0; step < seed.length; step += 1) STEPS[pick(STEPS.length)]?.(world);
      const history = memory.history(ALL);
      const { totals, counts, leases } = job.state;
      expect(history.attempts).toBe(totals.attempts);
      expect(history.commits - history.revocations).toBe(counts.committed);
      const running = history.workers.flatMap(({ spans }) => spans.end.filter((end) => end === "running"));
      const ended = Object.values(history.ends).reduce((all, one) => all + one, 0);
      expect(ended + running.length).toBe(history.attempts);
      expect(running.length).toBeGreaterThanOrEqual(leases.size);
      for (const { name, spans } of history.workers) {
        const { lines, overlaps } = mostAtOnce(spans);
        expect(overlaps).toBe(0);
        expect(lines).toBeLessThanOrEqual(slots.get(name) ?? 0);
        for (const end of spans.end) seen.add(end);
        checked += spans.line.length;
      }
    }),
    { numRuns: 150 },
  );
  expect(checked).toBeGreaterThan(200);
  expect([...seen]).toEqual(expect.arrayContaining(["committed", "lost", "expired", "failed"]));
});

test("old worker names and samples are dropped beyond a limit, and the total time of workers stays", () => {
  const job = TestJob.running(aPlan(1, 10));
  const memory = remember(job);
  const progress = jobProgress(job.state);
  for (let at = 0; at < 5_000; at += 1) {
    const worker = `pod-${at}`;
    const event = { kind: "workerJoined", worker: worker as never, name: worker, slots: 1 } as const;
    memory.applied(job.nowMs + at * 1_000, "running", event, []);
    const lost = { kind: "workerLost", worker: worker as never, how: "left", message: "" } as const;
    memory.applied(job.nowMs + at * 1_000 + 1_000, "running", lost, []);
    memory.look(job.nowMs + at * 1_000 + 1_000, { ...progress, rowsDone: at }, new Map());
  }
  const history = memory.history(ALL);
  expect(history.workers.length + history.workersOmitted).toBe(5_000);
  expect(history.workers.length).toBeLessThan(4_200);
  expect(history.workerSeconds).toBe(5_000);
  expect(history.pace.at.length).toBeLessThan(520);
  expect(history.pace.rowsDone.at(-1)).toBe(4_999);
  const gaps = history.pace.at.slice(2).map((to, index) => to - (history.pace.at[index + 1] ?? 0));
  expect(
    Math.max(...gaps) / Math.min(...gaps.slice(0, -1)),
    "samples are evenly spaced, whatever their age",
  ).toBeLessThan(2.1);
  expect(history.pace.at.at(-1)).toBe(5_000);
  expect(memory.history(KEPT_MEASURE).pace.at.length).toBeLessThanOrEqual(KEPT_MEASURE.samples + 1);
});
