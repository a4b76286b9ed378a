import { expect, test } from "vitest";
import type { RunWatch } from "../../../../coordinator/insight/run-watch.ts";
import { JobOutput } from "../../../../coordinator/job/job-output.ts";
import { realSeams } from "../../../../coordinator/job/job-seams.ts";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { below } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { shardId } from "../../../../shared/domain/shard.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";

const PATHS = workPaths("/out");
const LOST: PartialManifest = {
  shard: shardId(0),
  token: { generation: 1, sequence: 1 },
  executionId: "e",
  rowsIn: 1,
  rowsMapped: 1,
  rowsFiltered: 0,
  rowsTruncated: 0,
  rowsOut: 1,
  rowsDead: 0,
  firstDead: null,
  files: [],
  digest: "",
};
const FOLDER = below(PATHS.partials, partialFolder(LOST));

/** Discards a partial; `confirm` says whether the job is this coordinator's still. */
async function discard(storage: MemoryStorage, confirm: () => Promise<void>): Promise<void> {
  await storage.put(below(FOLDER, "rows.parquet"), sourceOfBytes("rows"));
  const { planned } = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  await using output = new JobOutput({
    jobId: "j",
    planned,
    builds: [],
    state: () => {
      throw new Error("broken invariant: a discard asks for no state");
    },
    seams: realSeams,
    clock: systemClock,
    paths: PATHS,
    storage,
    runWatch: {} as RunWatch,
    lock: { confirm },
    inputFiles: null,
  });
  await output.discard(LOST);
}

test("a partial that lost is removed by whoever holds the job", async () => {
  const storage = new MemoryStorage();
  await discard(storage, async () => {});
  expect(await storage.kindAt(FOLDER)).toBeNull();
});

test("a discard outlasts a store that cannot be asked who holds the job, and removes nothing", async () => {
  const storage = new MemoryStorage();
  await discard(storage, async () => {
    throw new ShardmillError("STORE_FAILED", "the line broke");
  });
  expect(await storage.kindAt(FOLDER)).toBe("folder");
});

test("a discard by one that has lost the job says so, and removes nothing", async () => {
  const storage = new MemoryStorage();
  const locked = new ShardmillError("OUTPUT_LOCKED", "another has it");
  await expect(discard(storage, () => Promise.reject(locked))).rejects.toBe(locked);
  expect(await storage.kindAt(FOLDER)).toBe("folder");
});
