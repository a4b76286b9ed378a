import { describe, expect, test } from "vitest";
import type { Judgement } from "../../../../coordinator/service/member.ts";
import { WorkerRegistry } from "../../../../coordinator/service/worker-registry.ts";
import { type WorkerSession, workerSession } from "../../../../shared/domain/worker.ts";
import { aWorker } from "../../../support/builders.ts";

function aJudgement({ nowMs }: Pick<Judgement, "nowMs">): Judgement {
  return { nowMs, leasesOf: () => 0, excludedMsOf: () => null, refusalOf: () => null };
}

describe("the worker registry", () => {
  test("a worker that joins again with its name replaces its earlier session", () => {
    const registry = new WorkerRegistry();
    const first = registry.join(aWorker(), 0);
    const second = registry.join(aWorker(), 5);
    expect(first.replaced).toEqual([]);
    expect(second.replaced).toEqual([first.session]);
    expect(() => registry.heard(first.session, 6)).toThrow(
      expect.objectContaining({ code: "SESSION_STALE" }),
    );
    expect(registry.heard(second.session, 6).name).toBe("node1-cpu0");
  });

  test("a new session of the same process ends the previous one, which is not reported as replaced", () => {
    const registry = new WorkerRegistry();
    const first = registry.join(aWorker(), 0, "process-1");
    const second = registry.join(aWorker(), 5, "process-1");
    expect(second).toMatchObject({ replaced: [], again: first.session });
    expect(registry.has(first.session)).toBe(false);
    const third = registry.join(aWorker(), 9, "process-2");
    expect(third).toMatchObject({ replaced: [second.session], again: null });
  });

  test("workers of different names are registered together", () => {
    const registry = new WorkerRegistry();
    registry.join(aWorker({ name: "a" }), 0);
    registry.join(aWorker({ name: "b" }), 0);
    expect(registry.size).toBe(2);
  });

  test("the silence of a worker counts from its last call, and a read of its state does not end it", () => {
    const registry = new WorkerRegistry();
    const { session } = registry.join(aWorker(), 0);
    registry.heard(session, 1_000);
    registry.infoOf(session);
    registry.requested(session);
    registry.countCommit(session, 1);
    expect(registry.silenceOf(session)).toEqual({ heardMs: 1_000, disconnectedMs: null });
    registry.disconnected(session, 2_000);
    expect(registry.silenceOf(session)).toEqual({ heardMs: 1_000, disconnectedMs: 2_000 });
    registry.heard(session, 3_000);
    expect(registry.silenceOf(session)).toEqual({ heardMs: 3_000, disconnectedMs: null });
  });

  test("a worker that the check finds lost is removed once", () => {
    const registry = new WorkerRegistry();
    const { session } = registry.join(aWorker({ name: "a" }), 0);
    const stays = registry.join(aWorker({ name: "b" }), 5).session;
    const gone = { how: "silent", message: "not heard from" } as const;
    const judge = ({ heardMs }: { readonly heardMs: number }) => (heardMs < 5 ? gone : null);
    expect(registry.takeOut(judge)).toEqual([{ session, ...gone }]);
    expect(registry.takeOut(judge)).toEqual([]);
    expect([registry.has(session), registry.has(stays)]).toEqual([false, true]);
  });

  test("an unknown session is refused with SESSION_STALE", () => {
    const registry = new WorkerRegistry();
    expect(() => registry.heard(workerSession("nobody"), 0)).toThrow(
      expect.objectContaining({ code: "SESSION_STALE" }),
    );
  });

  test("a worker whose device is excluded is removed, and is listed until it joins again or for a day", () => {
    const registry = new WorkerRegistry();
    const shown = (nowMs: number) =>
      registry.statuses(aJudgement({ nowMs })).map(({ name, gpuFault }) => [name, gpuFault]);
    const [a, b] = ["a", "b"].map((name) => registry.join(aWorker({ name }), 0).session);
    if (a === undefined || b === undefined) throw new Error("expected two workers");
    registry.excludeGpu(a, "Xid 79", 1_000);
    registry.excludeGpu(b, "slowed down", 2_000);
    expect([registry.has(a), registry.size, registry.sessionOf("a")]).toEqual([false, 0, null]);
    expect(shown(3_000)).toEqual([
      ["a", "Xid 79"],
      ["b", "slowed down"],
    ]);
    registry.join(aWorker({ name: "a" }), 4_000);
    expect(shown(5_000)).toEqual([
      ["a", null],
      ["b", "slowed down"],
    ]);
    expect(shown(86_402_001)).toEqual([["a", null]]);
  });

  test("at most the last thousand workers with excluded devices are listed", () => {
    const registry = new WorkerRegistry();
    for (let index = 0; index <= 1_000; index += 1)
      registry.excludeGpu(registry.join(aWorker({ name: `w${index}` }), index).session, "lost", index);
    const told = registry.statuses(aJudgement({ nowMs: 2_000 }));
    expect([told.length, told[0]?.name, told.at(-1)?.name]).toEqual([1_000, "w1", "w1000"]);
  });

  test("the last report of each worker is known until the worker leaves", () => {
    const registry = new WorkerRegistry();
    const a = registry.join(aWorker({ name: "a" }), 0).session;
    const b = registry.join(aWorker({ name: "b" }), 0).session;
    const batch = { rows: 256, length: null, bound: "speed" } as const;
    registry.reportWork(a, { busy: { infer: 1, read: 0.5 }, padding: 0.25, batch, fetching: null });
    registry.reportWork(b, { busy: { infer: 0.5 }, padding: null, batch: null, fetching: null });
    expect(registry.reportOf(a)).toMatchObject({
      busy: { infer: 1, read: 0.5 },
      padding: 0.25,
      batch,
      device: "cpu",
    });
    expect(registry.reportOf(b)).toMatchObject({ busy: { infer: 0.5 }, padding: null });
    registry.reportWork(b, { busy: { infer: 0.75 }, padding: null, batch: null, fetching: null });
    expect(registry.reportOf(b)?.busy).toEqual({ infer: 0.75 });
    registry.leave(b);
    expect(registry.reportOf(b)).toBeNull();
    expect(registry.reportOf(a)?.busy).toEqual({ infer: 1, read: 0.5 });
  });

  test("the work of each session is counted, and counts from zero in the next session of its worker", () => {
    const registry = new WorkerRegistry();
    const counts = () =>
      registry
        .statuses(aJudgement({ nowMs: 0 }))
        .map(({ name, rowsCommitted, shardsCommitted, attemptsFailed }) => [
          name,
          rowsCommitted,
          shardsCommitted,
          attemptsFailed,
        ]);
    const [a, b] = [registry.join(aWorker({ name: "a" }), 0), registry.join(aWorker({ name: "b" }), 0)];
    registry.countCommit(a.session, 70);
    registry.countFailure(b.session);
    expect(counts()).toEqual([
      ["a", 70, 1, 0],
      ["b", 0, 0, 1],
    ]);
    const again = registry.join(aWorker({ name: "a" }), 0);
    registry.countCommit(a.session, 5);
    registry.countFailure(a.session);
    registry.countCommit(again.session, 30);
    expect(counts()).toEqual([
      ["b", 0, 0, 1],
      ["a", 30, 1, 0],
    ]);
  });

  test("the status of a worker has its work, its leases and its exclusion", () => {
    const registry = new WorkerRegistry();
    const { session } = registry.join(aWorker(), 1_000);
    registry.countCommit(session, 70);
    registry.countCommit(session, 30);
    registry.countFailure(session);
    const [status] = registry.statuses({
      nowMs: 3_000,
      leasesOf: () => 2,
      excludedMsOf: () => 1500,
      refusalOf: () => "job-1: wrong",
    });
    expect(status).toMatchObject({
      refused: "job-1: wrong",
      rowsCommitted: 100,
      shardsCommitted: 2,
      attemptsFailed: 1,
      excludedForSeconds: 1.5,
      leases: 2,
      secondsConnected: 2,
    });
  });

  test("endless registrations replace the oldest unused ones, and no worker that has requested a lease", () => {
    const registry = new WorkerRegistry();
    const worker = registry.join(aWorker({ name: "at-work" }), 0).session;
    registry.requested(worker);
    const first = registry.join(aWorker({ name: "idle-0" }), 0).session;
    const gone: WorkerSession[] = [];
    for (let index = 1; index <= 1_500; index += 1) {
      gone.push(...registry.join(aWorker({ name: `idle-${index}` }), 0).replaced);
    }
    expect(registry.size).toBe(1_001);
    expect(gone).toHaveLength(501);
    expect(gone[0]).toBe(first);
    expect(registry.has(worker)).toBe(true);
  });

  test("workers beyond the limit are refused, and registered workers may join again", () => {
    const registry = new WorkerRegistry();
    for (let index = 0; index < 20_000; index += 1) {
      registry.requested(registry.join(aWorker({ name: `w${index}` }), 0).session);
    }
    expect(() => registry.join(aWorker({ name: "one-more" }), 0)).toThrow(
      expect.objectContaining({ code: "RESOURCE_EXHAUSTED" }),
    );
    expect(registry.join(aWorker({ name: "w7" }), 0).replaced).toHaveLength(1);
    expect(registry.size).toBe(20_000);
  });

  test("a worker whose connection broke can be replaced until it requests a lease again", () => {
    const registry = new WorkerRegistry();
    const [back, away] = ["back", "away"].map((name) => registry.join(aWorker({ name }), 0).session);
    for (const session of [back, away]) {
      registry.requested(session ?? workerSession(""));
      registry.disconnected(session ?? workerSession(""), 1);
    }
    registry.requested(back ?? workerSession(""));
    for (let index = 0; index < 1_000; index += 1) registry.join(aWorker({ name: `idle-${index}` }), 2);
    expect(registry.has(back ?? workerSession(""))).toBe(true);
    expect(registry.has(away ?? workerSession(""))).toBe(false);
  });
});
