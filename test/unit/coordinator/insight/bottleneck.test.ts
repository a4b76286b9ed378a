import { expect, test } from "vitest";
import { findBottleneck, type RunUsage } from "../../../../coordinator/insight/bottleneck.ts";

/** Returns a hundred seconds of one worker that always had work, with nothing busy. */
function aUsage(changes: Partial<RunUsage> = {}, doing: Partial<RunUsage["doingMs"]> = {}): RunUsage {
  return {
    mapMs: 100_000,
    reduceMs: 0,
    absentMs: 0,
    doingMs: { starting: 0, working: 100_000, awaitingCoordinator: 0, awaitingShards: 0, ...doing },
    stages: {},
    loopShare: 0.05,
    shards: 100,
    slots: 2,
    ...changes,
  };
}

test.for([
  ["the lanes are busy", aUsage({ stages: { infer: 0.86, decode: 0.3 } }), "infer"],
  [
    "the lanes are busy, and so are the others",
    aUsage({ stages: { infer: 0.9, decode: 0.99, encode: 0.95 } }),
    "infer",
  ],
  [
    "the shard threads are busy with several stages, none of which is the largest of all",
    aUsage({ stages: { infer: 0.6, read: 0.1, decode: 0.4, tensorize: 0.25, collect: 0.2 } }),
    "decode",
  ],
  [
    "tensors are most of a shard thread's work",
    aUsage({ stages: { tensorize: 0.6, decode: 0.3 } }),
    "tensorize",
  ],
  ["shard threads wait for bytes", aUsage({ stages: { read: 0.9, decode: 0.05, infer: 0.2 } }), "read"],
  ["outputs are most of a shard thread's work", aUsage({ stages: { collect: 0.7, decode: 0.2 } }), "collect"],
  [
    "the threads of prepare are busy, and with them the shard threads wait",
    aUsage({ stages: { prepare: 0.9, decode: 0.3, tensorize: 0.2, infer: 0.5 } }),
    "prepare",
  ],
  ["the threads of finish are busy", aUsage({ stages: { finish: 0.8, prepare: 0.6, infer: 0.5 } }), "finish"],
  [
    "steps do not add up with what the shard threads do",
    aUsage({ stages: { prepare: 0.4, decode: 0.4, infer: 0.5 } }),
    "infer",
  ],
  ["the writers are busy encoding", aUsage({ stages: { encode: 0.8, store: 0.15, infer: 0.4 } }), "encode"],
  ["the writers wait for the disk", aUsage({ stages: { encode: 0.3, store: 0.65, infer: 0.4 } }), "store"],
  [
    "workers have no lease though shards are pending",
    aUsage({ stages: { infer: 0.6 } }, { working: 60_000, awaitingCoordinator: 40_000 }),
    "coordinator",
  ],
  [
    "the coordinator's thread is busy, and no lane",
    aUsage({ stages: { infer: 0.6, decode: 0.5 }, loopShare: 0.97 }),
    "coordinator",
  ],
  [
    "the coordinator's thread is busy, and the lanes too",
    aUsage({ stages: { infer: 0.95 }, loopShare: 0.97 }),
    "infer",
  ],
  [
    "workers have nothing to do while others finish, though the lanes are full as long as they have",
    aUsage({ stages: { infer: 0.6 } }, { working: 65_000, awaitingShards: 35_000 }),
    "shards",
  ],
  [
    "they wait for less than a quarter of their time: the lanes are full as long as they have work",
    aUsage({ stages: { infer: 0.75 } }, { working: 80_000, awaitingShards: 20_000 }),
    "infer",
  ],
  [
    "nothing is busy, and there is less than two rounds of shards",
    aUsage({ stages: { infer: 0.5, decode: 0.3 }, shards: 3 }),
    "shards",
  ],
  ["a few shards keep the lanes busy all the same", aUsage({ stages: { infer: 0.95 }, shards: 1 }), "infer"],
  ["most of the time the model loads", aUsage({}, { starting: 300_000 }), "start"],
  ["most of the time there is no worker", aUsage({ absentMs: 101_000 }), "start"],
  [
    "nothing is busy, and a good part of the time the model loads",
    aUsage({ stages: { infer: 0.4 } }, { starting: 60_000 }),
    "start",
  ],
  ["most of the time goes into reducing", aUsage({ reduceMs: 150_000, stages: { infer: 0.99 } }), "reduce"],
  ["reducing takes less than the shards", aUsage({ reduceMs: 90_000, stages: { infer: 0.99 } }), "infer"],
  ["nothing is busy at all", aUsage({ stages: { infer: 0.2, decode: 0.2 } }), null],
  ["nothing is full: the largest is named", aUsage({ stages: { infer: 0.5, decode: 0.3 } }), "infer"],
  ["nothing has run yet", aUsage({ mapMs: 0 }, { working: 0 }), null],
] as const)("%s", ([, usage, expected]) => {
  expect(findBottleneck(usage)).toBe(expected);
});
