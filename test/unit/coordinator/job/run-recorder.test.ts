import { describe, expect, test } from "vitest";
import { Meters } from "../../../../coordinator/insight/meters.ts";
import type { ShellJournal, ShellWork } from "../../../../coordinator/job/job-shell.ts";
import { RunRecorder } from "../../../../coordinator/job/run-recorder.ts";
import type { JournalRecord } from "../../../../coordinator/schedule/state/record.ts";
import type { Tracer } from "../../../../shared/core/tracer.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { manualClock } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { TestTracer } from "../../../support/test-tracer.ts";
import { aPlan, TestJob } from "../schedule/harness.ts";

function aRecorder() {
  const clock = manualClock(50_000);
  const meters = new Meters();
  return { clock, meters, recorder: new RunRecorder(clock, meters) };
}

const NO_JOURNAL: ShellJournal = { append: async () => {}, eventAppended: () => {} };

function workOf(takes: (ms: number) => void): ShellWork {
  return {
    verify: async () => takes(20),
    discard: async () => {},
    whyLost: async () => null,
    reduce: async () => {
      takes(3_000);
      return aDigest("digest");
    },
    publish: async () => takes(500),
  };
}

describe("the times of a run", () => {
  test("each step has its seconds, a running step up to now, and repeated steps are summed", async () => {
    const { clock, recorder } = aRecorder();
    await recorder.step("plan", async () => clock.advance(2_000));
    recorder.begin("map");
    clock.advance(10_000);
    expect(recorder.seconds).toEqual({ plan: 2, map: 10 });
    const { work } = recorder.watched(
      NO_JOURNAL,
      workOf((ms) => clock.advance(ms)),
    );
    expect(await work.reduce()).toBe("digest");
    clock.advance(1_000_000);
    expect(recorder.seconds).toEqual({ plan: 2, map: 10, reduce: 3 });
    await work.publish(aDigest("digest"));
    await work.reduce();
    expect(recorder.seconds).toEqual({ plan: 2, map: 10, reduce: 6, publish: 0.5 });
  });

  test("a failed step has its seconds, too", async () => {
    const { clock, recorder } = aRecorder();
    const failing = recorder.step("plan", async () => {
      clock.advance(7_000);
      throw new Error("no such file");
    });
    await expect(failing).rejects.toThrow("no such file");
    clock.advance(5_000);
    expect(recorder.seconds).toEqual({ plan: 7 });
  });

  test("attempts are counted by how they ended, as in the journal", async () => {
    const { recorder } = aRecorder();
    const job = TestJob.running(aPlan(3));
    const worker = job.join("a");
    const other = job.join("b");
    job.commit(worker);
    job.fail(job.grant(worker));
    job.grant(other);
    job.tickAfter(10_000_000);
    const appended: string[] = [];
    const append = async ({ kind }: JournalRecord) => {
      appended.push(kind);
    };
    const { journal } = recorder.watched(
      { ...NO_JOURNAL, append },
      workOf(() => {}),
    );
    for (const record of job.records) await journal.append(record, { durable: false });
    expect(appended).toHaveLength(job.records.length);
    expect(recorder.attempts.ended).toMatchObject({ committed: 1, failed: 1, expired: 1, superseded: 0 });
  });

  test("durable appends to the journal and checks of partials are timed", async () => {
    const { clock, meters, recorder } = aRecorder();
    const append = async () => clock.advance(4);
    const takes = (ms: number) => clock.advance(ms);
    const { journal, work } = recorder.watched({ ...NO_JOURNAL, append }, workOf(takes));
    const record = { kind: "jobCancelled", reason: "x" } as const;
    await journal.append(record, { durable: true });
    await journal.append(record, { durable: false });
    expect(meters.journalAppend.read().sum).toBeCloseTo(0.004, 9);
    const partial = {} as Parameters<ShellWork["verify"]>[0];
    await work.verify(partial);
    expect(meters.partialCheck.read().sum).toBeCloseTo(0.02, 9);
  });
});

describe("the trace of a run", () => {
  test("spans of steps are in the span of the job, which ends with the reason of the failure", async () => {
    const tracer = new TestTracer();
    const recorder = new RunRecorder(manualClock(), new Meters(), tracer);
    await recorder.step("plan", async () => {});
    recorder.named({ jobId: aJobId("j1"), name: "one", shards: 3 });
    recorder.begin("map");
    const job = TestJob.running(aPlan(3));
    job.apply({ kind: "cancelRequested", reason: "no more" });
    recorder.ended(job.state);
    expect(tracer.told.map(({ name, parent }) => [name, parent])).toEqual([
      ["job", ""],
      ["plan", "job#0"],
      ["map", "job#0"],
    ]);
    expect(tracer.told[0]?.facts).toMatchObject({ "shardmill.job.id": "j1", "shardmill.job.shards": 3 });
    expect(tracer.ended()).toEqual(["plan", "map", "job"]);
    expect(tracer.told[0]?.error).toMatchObject({ message: job.failure?.message });
    expect(tracer.told[1]?.error).toBeUndefined();
  });

  test("spans of concurrent parts are in the span of their step, also if one part fails", async () => {
    const tracer = new TestTracer();
    const recorder = new RunRecorder(manualClock(), new Meters(), tracer);
    const planning = recorder.step("plan", async () => {
      const list = recorder.within("plan", "list", async () => {});
      const model = recorder.within("plan", "model", () => Promise.reject(new Error("no model")));
      await Promise.all([list, model]);
    });
    await expect(planning).rejects.toThrow("no model");
    expect(tracer.told.map(({ name, parent }) => [name, parent])).toEqual([
      ["job", ""],
      ["plan", "job#0"],
      ["list", "plan#1"],
      ["model", "plan#1"],
    ]);
    expect(tracer.ended()).toEqual(["list", "model", "plan"]);
    expect(String(tracer.told[3]?.error)).toBe("Error: no model");
    expect(tracer.told[2]?.error).toBeUndefined();
  });

  test("the span of a refused commit has its error", async () => {
    const tracer = new TestTracer();
    const recorder = new RunRecorder(manualClock(), new Meters(), tracer);
    const verify = () => Promise.reject(new Error("damaged"));
    const { work } = recorder.watched(NO_JOURNAL, { ...workOf(() => {}), verify });
    await expect(work.verify({ shard: 7 } as Parameters<ShellWork["verify"]>[0])).rejects.toThrow("damaged");
    expect(tracer.told[1]).toMatchObject({
      name: "commit",
      parent: "job#0",
      facts: { "shardmill.shard": 7 },
    });
    expect(String(tracer.told[1]?.error)).toBe("Error: damaged");
  });

  test("the span of a commit is in the span of its attempt if that is of this run", async () => {
    const [trace, other] = ["a".repeat(32), "c".repeat(32)];
    const begun: (readonly [string, string])[] = [];
    const span = { traceparent: `00-${trace}-${"b".repeat(16)}-01`, note: () => {}, end: () => {} };
    const tracer: Tracer = {
      begin(name, parent) {
        begun.push([name, parent]);
        return span;
      },
      close: async () => {},
    };
    const recorder = new RunRecorder(manualClock(), new Meters(), tracer);
    const { work } = recorder.watched(
      NO_JOURNAL,
      workOf(() => {}),
    );
    const partial = { shard: 7, executionId: "e1" } as Parameters<ShellWork["verify"]>[0];
    const attempt = `00-${trace}-${"d".repeat(16)}-01`;
    for (const told of [attempt, attempt.replace(trace, other), ""])
      await recorder.offered(asExecutionId("e1"), told, () => work.verify(partial));
    // The offer is over, and its span is forgotten.
    await recorder.offered(asExecutionId("e1"), attempt, async () => {});
    await work.verify(partial);
    const within = begun.filter(([name]) => name === "commit").map(([, parent]) => parent);
    expect(within).toEqual([attempt, ...Array.from({ length: 3 }, () => span.traceparent)]);
  });

  test("at most 2,000 first attempts are traced, evenly over the plan, and all later attempts", () => {
    const sampled = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
    const span = { traceparent: sampled, note: () => {}, end: () => {} };
    const tracer = { begin: () => span, close: async () => {} };
    const recorder = new RunRecorder(manualClock(), new Meters(), tracer);
    const traced = (shards: number) => {
      recorder.named({ jobId: aJobId("j"), name: "n", shards });
      return Array.from({ length: shards }, (_, shard) => shard).filter(
        (shard) => recorder.traceparentOf(shard, 1) === sampled,
      );
    };
    expect(traced(2_000)).toHaveLength(2_000);
    expect(traced(2_001)).toHaveLength(1_001);
    expect(traced(200_000).slice(0, 3)).toEqual([0, 100, 200]);
    expect(traced(200_000)).toHaveLength(2_000);
    expect(recorder.traceparentOf(1, 1)).toBe(sampled.replace(/01$/, "00"));
    expect(recorder.traceparentOf(1, 2)).toBe(sampled);
  });
});
