import { expect, test } from "vitest";
import type { TimedClock } from "../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import type { Fetching } from "../../../../shared/domain/fetching.ts";
import { workerSession } from "../../../../shared/domain/worker.ts";
import type { Heartbeat } from "../../../../shared/wire/services.ts";
import { Heartbeats } from "../../../../worker/lease/heartbeats.ts";
import { LeaseLedger } from "../../../../worker/lease/lease-ledger.ts";
import { aStore } from "../../../support/store-counts.ts";
import { VirtualClock } from "../../../support/virtual-clock.ts";

const JOINED = { leaseMs: 60_000, heartbeatMs: 10_000 };

const never = new AbortController().signal;

/**
 * Returns heartbeats of a worker that sends requests to a store, and the counts that the coordinator receives
 * by session.
 */
function aWorkerThatAsks(clock: TimedClock = { nowMs: () => 0, wallMs: () => 0, after: () => () => {} }) {
  const worker = { session: "s1", requests: 0, isCutOff: false };
  const told: (readonly [session: string, requests: number])[] = [];
  const heartbeats = new Heartbeats({
    work: {
      heartbeat: async ({ session, stores }: Heartbeat) => {
        if (worker.isCutOff) throw new ShardmillError("COORDINATOR_UNREACHABLE", "no coordinator there");
        told.push([session, stores[0]?.requests ?? 0]);
        return [];
      },
    },
    clock,
    log: silentLogger,
    ledger: new LeaseLedger(),
    registered: () => ({ session: workerSession(worker.session), ...JOINED }),
    takeBusy: () => ({}),
    takePadding: () => null,
    storeCounts: () => [aStore("s3://bucket", { requests: worker.requests })],
    onLost: () => {},
    onUnheard: () => {},
  });
  return { worker, told, heartbeats };
}

test("each heartbeat reports all store requests of its session, so the next makes up for a lost one", async () => {
  const { worker, told, heartbeats } = aWorkerThatAsks();
  worker.requests = 3;
  await heartbeats.send(never);
  worker.requests = 5;
  worker.isCutOff = true;
  await expect(heartbeats.send(never)).rejects.toMatchObject({ code: "COORDINATOR_UNREACHABLE" });
  expect(heartbeats.hasStoreNews).toBe(true);
  worker.isCutOff = false;
  worker.requests = 6;
  await heartbeats.send(never);
  await heartbeats.send(never);
  expect(told.map(([, requests]) => requests)).toEqual([3, 6, 6]);
  expect(heartbeats.hasStoreNews).toBe(false);
});

test("a new session counts only the store requests that the previous session did not report", async () => {
  const { worker, told, heartbeats } = aWorkerThatAsks();
  worker.requests = 3;
  await heartbeats.send(never);
  worker.requests = 5;
  worker.session = "s2";
  await heartbeats.send(never);
  worker.requests = 9;
  await heartbeats.send(never);
  expect(told).toEqual([
    ["s1", 3],
    ["s2", 2],
    ["s2", 6],
  ]);
});

test("new store requests are reported within three seconds, and otherwise heartbeats keep their interval", async () => {
  const clock = new VirtualClock();
  const { worker, told, heartbeats } = aWorkerThatAsks(clock);
  const stop = new AbortController();
  const running = heartbeats.run(stop.signal);
  const beats: (readonly [seconds: number, requests: number])[] = [];
  for (let second = 1; second <= 36; second += 1) {
    if (second === 15 || second === 16) worker.requests += 1;
    await clock.pass(1_000);
    for (const [, requests] of told.splice(0)) beats.push([second, requests]);
  }
  expect(beats).toEqual([
    [10, 0],
    [16, 2],
    [26, 2],
    [36, 2],
  ]);
  stop.abort();
  await running;
});

test("a fetch is reported every three seconds while it runs, and once more after it ends", async () => {
  const clock = new VirtualClock();
  const sent: (Fetching | undefined)[] = [];
  let fetching: Fetching | null = null;
  const heartbeats = new Heartbeats({
    work: {
      heartbeat: async (beat: Heartbeat) => {
        sent.push(beat.fetching);
        return [];
      },
    },
    clock,
    log: silentLogger,
    ledger: new LeaseLedger(),
    registered: () => ({ session: workerSession("s1"), ...JOINED }),
    takeBusy: () => ({}),
    takePadding: () => null,
    storeCounts: () => [],
    fetching: () => fetching,
    onLost: () => {},
    onUnheard: () => {},
  });
  const stop = new AbortController();
  const running = heartbeats.run(stop.signal);
  const beats: (readonly [second: number, bytes: number | undefined])[] = [];
  for (let second = 1; second <= 26; second += 1) {
    fetching = second < 8 ? { bytes: second, totalBytes: 9, bytesPerSecond: 1 } : null;
    await clock.pass(1_000);
    for (const told of sent.splice(0)) beats.push([second, told?.bytes]);
  }
  expect(beats).toEqual([
    [3, 3],
    [6, 6],
    [9, undefined],
    [19, undefined],
  ]);
  stop.abort();
  await running;
});
