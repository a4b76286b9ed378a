import { describe, expect, test } from "vitest";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import type { PartialManifest } from "../../../../shared/domain/partial.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import type { WorkService } from "../../../../shared/wire/services.ts";
import { tracedAttempts } from "../../../../worker/lease/traced-attempts.ts";
import { aLease } from "../../../support/builders.ts";
import { aJobId } from "../../../support/ids.ts";
import { TestTracer } from "../../../support/test-tracer.ts";

const SIGNAL = { signal: new AbortController().signal, onProgress: () => {} };
const session = workerSession("s");

function anAttempt(options: { readonly fails?: boolean; readonly unreachable?: number }) {
  const tracer = new TestTracer();
  let unreachable = options.unreachable ?? 0;
  const partial = { executionId: "e1", rowsOut: 90 } as PartialManifest;
  const offered: (string | undefined)[] = [];
  const work: Partial<WorkService> = {
    offerPartial: async (_session, _jobId, _partial, traceparent) => {
      offered.push(traceparent);
      unreachable -= 1;
      if (unreachable >= 0) throw new Error("away");
      return { kind: "committed" };
    },
  };
  const traced = tracedAttempts({
    work: work as WorkService,
    runner: {
      run: async () => {
        if (options.fails) throw new Error("the model fails");
        return partial;
      },
    },
    tracer,
    worker: { name: "w", device: "cpu" },
    busy: () => ({ infer: 0.9 }),
  });
  const lease = { ...aLease({ shard: 4 }), traceparent: "the job" };
  const run = () => traced.runner.run(lease, asExecutionId("e1"), SIGNAL);
  const offer = () => traced.work.offerPartial(session, aJobId("job-1"), partial);
  return { tracer, traced, run, offer, offered };
}

describe("the spans of an attempt", () => {
  test("an attempt is a child span of its job, and its map and offer are child spans of the attempt", async () => {
    const { tracer, run, offer, offered } = anAttempt({});
    await run();
    expect(tracer.ended()).toEqual(["map"]);
    await offer();
    expect(tracer.told).toEqual([
      {
        ...{ name: "attempt", parent: "the job", error: undefined },
        facts: expect.objectContaining({ "shardmill.shard": 4, "shardmill.answer": "committed" }),
      },
      { name: "map", parent: "attempt#0", error: undefined, facts: { "shardmill.busy.infer": 0.9 } },
      { name: "offer", parent: "attempt#0", error: undefined, facts: {} },
    ]);
    expect(tracer.ended().sort()).toEqual(["attempt", "map", "offer"]);
    expect(offered).toEqual(["attempt#0"]);
  });

  test("a failed attempt ends its spans with the error", async () => {
    const { tracer, run } = anAttempt({ fails: true });
    await expect(run()).rejects.toThrow("the model fails");
    expect(tracer.ended()).toEqual(["map", "attempt"]);
    expect(tracer.told.map(({ error }) => String(error))).toEqual(
      Array.from({ length: 2 }, () => "Error: the model fails"),
    );
  });

  test("an attempt stays open while the coordinator is unreachable, and each offer is one span", async () => {
    const { tracer, run, offer } = anAttempt({ unreachable: 1 });
    await run();
    await expect(offer()).rejects.toThrow("away");
    expect(tracer.ended()).not.toContain("attempt");
    await offer();
    expect(tracer.told.map(({ name, parent }) => [name, parent])).toEqual([
      ["attempt", "the job"],
      ["map", "attempt#0"],
      ["offer", "attempt#0"],
      ["offer", "attempt#0"],
    ]);
    expect(tracer.ended()).toContain("attempt");
  });

  test("an attempt whose worker stops before a response ends as INTERRUPTED", async () => {
    const { tracer, traced, run } = anAttempt({});
    await run();
    traced.over();
    expect(tracer.told[0]?.error).toMatchObject({ code: "INTERRUPTED" });
  });
});
