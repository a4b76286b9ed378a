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
    "the lanes are busy, and so are the other stages",
    aUsage({ stages: { infer: 0.9, decode: 0.99, encode: 0.95 } }),
    "infer",
  ],
  [
    "the shard threads are busy with several stages, each less busy than the lanes",
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
    "the threads of prepare are busy, and the shard threads wait for them",
    aUsage({ stages: { prepare: 0.9, decode: 0.3, tensorize: 0.2, infer: 0.5 } }),
    "prepare",
  ],
  ["the threads of finish are busy", aUsage({ stages: { finish: 0.8, prepare: 0.6, infer: 0.5 } }), "finish"],
  [
    "the time of steps is not added to that of the shard threads",
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
    "the coordinator's thread is busy, and the lanes are not",
    aUsage({ stages: { infer: 0.6, decode: 0.5 }, loopShare: 0.97 }),
    "coordinator",
  ],
  [
    "the coordinator's thread and the lanes are busy",
    aUsage({ stages: { infer: 0.95 }, loopShare: 0.97 }),
    "infer",
  ],
  [
    "workers are idle for over a quarter of the time while others finish",
    aUsage({ stages: { infer: 0.6 } }, { working: 65_000, awaitingShards: 35_000 }),
    "shards",
  ],
  [
    "workers are idle for less than a quarter of the time, and the lanes are busy otherwise",
    aUsage({ stages: { infer: 0.75 } }, { working: 80_000, awaitingShards: 20_000 }),
    "infer",
  ],
  [
    "nothing is busy, and there are fewer than two shards for each slot",
    aUsage({ stages: { infer: 0.5, decode: 0.3 }, shards: 3 }),
    "shards",
  ],
  ["the lanes are busy with a single shard", aUsage({ stages: { infer: 0.95 }, shards: 1 }), "infer"],
  ["the model loads for most of the time", aUsage({}, { starting: 300_000 }), "start"],
  ["most of the time there is no worker", aUsage({ absentMs: 101_000 }), "start"],
  [
    "nothing is busy, and the model loads for a good part of the time",
    aUsage({ stages: { infer: 0.4 } }, { starting: 60_000 }),
    "start",
  ],
  ["reducing takes most of the time", aUsage({ reduceMs: 150_000, stages: { infer: 0.99 } }), "reduce"],
  [
    "reducing takes less time than the shards",
    aUsage({ reduceMs: 90_000, stages: { infer: 0.99 } }),
    "infer",
  ],
  ["nothing is busy at all", aUsage({ stages: { infer: 0.2, decode: 0.2 } }), null],
  [
    "nothing is fully busy, and the busiest stage is named",
    aUsage({ stages: { infer: 0.5, decode: 0.3 } }),
    "infer",
  ],
  ["nothing has run yet", aUsage({ mapMs: 0 }, { working: 0 }), null],
] as const)("%s", ([, usage, expected]) => {
  expect(findBottleneck(usage)).toBe(expected);
});
