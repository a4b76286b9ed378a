import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRemembered } from "../../../../coordinator/insight/packed-history.ts";
import { type EarlierRun, recallRun } from "../../../../coordinator/insight/recall-run.ts";
import { RecordTimes } from "../../../../coordinator/insight/record-times.ts";
import { RunMemory } from "../../../../coordinator/insight/run-memory.ts";
import { encodeRecord } from "../../../../coordinator/journal/framing.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import type { WorkerHistory } from "../../../../shared/domain/run-history.ts";
import { aConfig, aPartial, aPlan, TestJob } from "../schedule/harness.ts";
import { World } from "../schedule/world.ts";
import { STEPS } from "../schedule/world-steps.ts";

const ALL = { workers: 10_000, spans: 10_000, allSpans: 1e9, samples: 10_000 };
/** Difference between the wall clock and the clock of decisions. */
const WALL_MS = 1_795_000_000_000;

function started(job: TestJob, generation: number): JournalRecord {
  const wallMs = WALL_MS + job.nowMs;
  return {
    kind: "generationStarted",
    generation,
    build: "b",
    mapping: "m",
    wallMs,
    previousBytes: 0,
    previousCrc32: 0,
  };
}

/** Returns a coordinator that records a run, and the records of its journal. */
function aLife(job: TestJob, generation: number, earlier?: EarlierRun) {
  const records: JournalRecord[] = [started(job, generation)];
  const startedWallMs = WALL_MS + job.nowMs;
  const times = new RecordTimes({ nowMs: () => job.nowMs, wallMs: () => WALL_MS + job.nowMs }, startedWallMs);
  const began = { beganMs: job.nowMs, beganWallMs: startedWallMs };
  const memory = earlier === undefined ? new RunMemory(began) : recallRun(began, earlier);
  job.onApplied = (event, effects) => {
    times.applied(event, effects);
    memory.applied(job.nowMs, job.state.phase.kind, event, effects);
    for (const effect of effects) if (effect.kind === "append") records.push(times.timed(effect.record));
  };
  const remembered = () =>
    readRemembered(JSON.parse(JSON.stringify({ ...memory.remembered(), startedWallMs })));
  return { memory, records, remembered };
}

/** Returns the history as the next coordinator reports it, which begins now. */
function recalled(
  job: TestJob,
  records: readonly JournalRecord[],
  remembered: EarlierRun["remembered"] = null,
) {
  const { nowMs: beganMs } = job;
  const began = { beganMs, beganWallMs: WALL_MS + beganMs };
  return recallRun(began, { remembered, records: [...records, started(job, 99)] });
}

/** Formats spans as texts. Open ones end as interrupted, as the next coordinator reports them. */
function spansOf({ spans }: WorkerHistory, lastSeconds: number): string[] {
  return spans.line.map((line, at) => {
    const isOpen = spans.end[at] === "running";
    const to = isOpen ? lastSeconds : spans.to[at];
    return `${line}: ${spans.from[at]}-${to} ${isOpen ? "interrupted" : spans.end[at]} ${spans.shard[at]} ${spans.backup[at]}`;
  });
}

describe("the history of a run after its coordinator was killed", () => {
  test("the next coordinator reports the same history, with or without a snapshot", () => {
    const seen = { spans: 0, interrupted: 0, offered: 0, snapshots: 0 };
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 0xffff }), { minLength: 60, maxLength: 160, size: "max" }),
        (seed) => {
          let at = 0;
          const pick = (below: number) => {
            at += 1;
            return ((seed[at % seed.length] ?? 0) + at * 7919) % below;
          };
          const world = new World(pick, aConfig({ maxAttempts: 3, maxDeadLetters: 100 }), 5, 2);
          const { job } = world;
          const { memory, records, remembered } = aLife(job, 1);
          const snapshotAt = pick(seed.length);
          let snapshot: { run: EarlierRun["remembered"]; records: number } | null = null;
          for (let step = 0; step < seed.length; step += 1) {
            // Times show the order of events.
            job.nowMs += 1;
            STEPS[pick(STEPS.length)]?.(world);
            if (step === snapshotAt) snapshot = { run: remembered(), records: records.length };
          }
          const live = memory.history(ALL);
          const last = live.seconds;
          const ways = [recalled(job, records)];
          if (snapshot !== null) ways.push(recalled(job, records.slice(snapshot.records), snapshot.run));
          for (const [way, after] of ways.map((each) => each.history(ALL)).entries()) {
            const { attempts, backups, commits, revocations, durations, slowest } = live;
            expect(after).toMatchObject({ attempts, backups, commits, revocations, durations, slowest });
            const running = attempts - Object.values(live.ends).reduce((all, one) => all + one, 0);
            expect(after.ends).toEqual({ ...live.ends, interrupted: running });
            seen.interrupted += running;
            seen.snapshots += way;
            for (const worker of live.workers) {
              const same = after.workers.find(({ name }) => name === worker.name);
              if (same === undefined) {
                expect(worker.spans.line, "a worker without attempts is in no journal").toEqual([]);
                continue;
              }
              expect(same.rows).toBe(worker.rows);
              // The journal does not know that a partial was submitted but not checked yet.
              const isSure = !worker.spans.end.includes("running");
              const toLast = (each: WorkerHistory) =>
                spansOf(each, last).map((text) =>
                  isSure ? text : text.replace(/^\d+: /, "").replace(/-\S+ interrupted/, " interrupted"),
                );
              // A snapshot merges some of a larger number of spans.
              if (worker.spans.line.length < 35) expect(toLast(same).sort()).toEqual(toLast(worker).sort());
              seen.spans += worker.spans.line.length;
            }
          }
        },
      ),
      { numRuns: 120 },
    );
    expect(seen.spans).toBeGreaterThan(500);
    expect(seen.interrupted).toBeGreaterThan(20);
    expect(seen.snapshots).toBeGreaterThan(50);
  }, 240_000);

  test("the history has the work of each coordinator, the gap between them, and interrupted attempts", () => {
    const job = TestJob.running(aPlan(4, 10));
    const first = aLife(job, 1);
    const anna = job.join("anna");
    const { shard, token } = job.grant(anna);
    job.grant(anna);
    job.nowMs += 2_000;
    const partial = aPartial(shard, token);
    job.offer(anna, partial);
    job.nowMs += 500;
    job.stored(partial);
    job.nowMs += 60_000;
    job.restart();
    const second = aLife(job, 2, { remembered: null, records: [...first.records, started(job, 2)] });
    const bert = job.join("bert");
    job.nowMs += 1_000;
    job.commit(bert);
    const history = second.memory.history(ALL);
    expect(history).toMatchObject({
      seconds: 63.5,
      periods: [
        { from: 0, to: 2.5 },
        { from: 62.5, to: 63.5 },
      ],
      attempts: 3,
      commits: 2,
      ends: { committed: 2, interrupted: 1 },
    });
    expect(history.workers.map((each) => [each.name, each.connectedSeconds, each.rows])).toEqual([
      ["anna", 2.5, 10],
      ["bert", 1, 10],
    ]);
    expect(history.pace.rowsDone).toEqual([10, 10]);
    const annas = history.workers[0];
    expect(annas && spansOf(annas, 0)).toEqual(["0: 0-2 committed 0 0", "1: 0-2.5 interrupted 1 0"]);
  });

  test("an invalid history in a snapshot is ignored", () => {
    for (const run of [undefined, null, 7, { startedWallMs: 1 }, { startedWallMs: 1, history: {}, open: [] }])
      expect(readRemembered(run)).toBeNull();
  });

  test("the times of a shard add between 20 and 48 bytes to the journal", () => {
    const job = TestJob.running(aPlan(1, 10));
    const { records } = aLife(job, 1);
    const worker = job.join("anna");
    const { shard, token } = job.grant(worker);
    job.nowMs += 9_999_000;
    job.beat(worker, { worker, shard, token });
    const partial = aPartial(shard, token);
    job.offer(worker, partial);
    job.stored(partial);
    const bytes = (all: readonly JournalRecord[]) =>
      all.reduce((sum, each) => sum + encodeRecord(each).length, 0);
    const more = bytes(records.slice(1)) - bytes(job.records.slice(2));
    expect(more).toBeGreaterThan(20);
    expect(more).toBeLessThanOrEqual(48);
  });
});
