import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aConfig } from "./harness.ts";
import { World } from "./world.ts";

/** Acts of a world, with their frequency. */
const STEPS: readonly (readonly [number, (world: World) => void])[] = [
  [3, (world) => world.join()],
  [10, (world) => world.request()],
  [8, (world) => world.finish()],
  [2, (world) => world.sendFailure()],
  [1, (world) => world.sendRelease()],
  [2, (world) => world.sendHeartbeat()],
  [8, (world) => world.deliver()],
  [2, (world) => world.deliverTwice()],
  [1, (world) => world.loseMessage()],
  [2, (world) => world.loseWorker()],
  [4, (world) => world.wait()],
  [8, (world) => world.answerVerify()],
  [1, (world) => world.damageFile()],
  [3, (world) => world.answerReduce()],
  [3, (world) => world.answerPublish()],
  [1, (world) => world.answerPublish(false)],
  [2, (world) => world.crash()],
  [2, (world) => world.steer()],
];
const DECK = STEPS.flatMap(([weight, step]) => Array.from({ length: weight }, () => step));

/**
 * Limit of rounds. A healthy world ends any job of this size in far fewer, so a longer one waits for ever.
 */
const MAX_ROUNDS = 400;

/**
 * Low limits for backups, because leases here end after seconds. At the usual limits a run of this test had
 * three backups on average, and every thirtieth run had none.
 */
const backup = { slowFactor: 2, minMs: 1_000, maxShare: 0.05 };

interface Run {
  readonly seed: readonly number[];
  readonly shards: number;
  readonly rows: number;
  readonly maxAttempts: number;
  readonly strikes: number;
  readonly cancelAt: number;
}

const aRun = fc.record({
  seed: fc.array(fc.nat({ max: 0xffff }), { minLength: 40, maxLength: 300, size: "max" }),
  shards: fc.integer({ min: 1, max: 5 }),
  rows: fc.integer({ min: 1, max: 4 }),
  maxAttempts: fc.integer({ min: 1, max: 4 }),
  strikes: fc.integer({ min: 1, max: 2 }),
  cancelAt: fc.integer({ min: 0, max: 1500 }),
});

function play({ seed, shards, rows, maxAttempts, strikes, cancelAt }: Run): World {
  let at = 0;
  const pick = (below: number) => {
    at += 1;
    const drawn = seed[at % seed.length] ?? 0;
    return (drawn + at * 7919) % below;
  };
  const exclusion = { strikes, windowMs: 600_000, forMs: 20_000, forMaxMs: 60_000 };
  const world = new World(
    pick,
    aConfig({ maxAttempts, maxDeadLetters: 100, exclusion, backup }),
    shards,
    rows,
  );
  for (let step = 0; step < seed.length; step += 1) {
    const act = DECK[pick(DECK.length)];
    if (step === cancelAt) world.cancel();
    else act?.(world);
    world.audit();
  }
  world.heal();
  for (let round = 0; round < MAX_ROUNDS && !world.ended; round += 1) world.healthyRound();
  world.audit();
  return world;
}

describe("the scheduler under events in any order", () => {
  test("every invariant holds at every step, and with one healthy worker the job ends", () => {
    const ends = new Map<string, number>();
    const seen = new Set<string>();
    let faults = 0;
    fc.assert(
      fc.property(aRun, (run) => {
        const world = play(run);
        expect(world.ended).toBe(true);
        faults += world.faults;
        for (const what of world.seen) seen.add(what);
        const { kind } = world.job.state.phase;
        ends.set(kind, (ends.get(kind) ?? 0) + 1);
      }),
      { numRuns: 700 },
    );
    // The test must stay effective: it reaches all three ends, with many faults and every kind of decision.
    expect(ends.get("published") ?? 0).toBeGreaterThan(200);
    expect(ends.get("failed") ?? 0).toBeGreaterThan(5);
    expect(ends.get("cancelled") ?? 0).toBeGreaterThan(10);
    expect(faults).toBeGreaterThan(5000);
    expect([...seen]).toEqual(expect.arrayContaining(DECISIONS));
  });
});

const DECISIONS = [
  "append shardSplit",
  "append rowDeadLettered",
  "append shardRevoked",
  "append standingChanged",
  "backup",
  "attempt expired",
  "attempt lost",
  "attempt rejected",
  "attempt superseded",
  "offer committed",
  "offer alreadyCommitted",
  "offer LEASE_STALE",
  "offer SESSION_STALE",
  "offer JOB_ENDED",
  "discard",
  "excluded",
  "trusted again",
];
