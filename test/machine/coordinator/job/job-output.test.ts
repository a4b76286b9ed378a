import { expect, test } from "vitest";
import type { RunWatch } from "../../../../coordinator/insight/run-watch.ts";
import { JobOutput } from "../../../../coordinator/job/job-output.ts";
import { type JobSeams, realSeams } from "../../../../coordinator/job/job-seams.ts";
import { type WorkPaths, withRun, workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { replay } from "../../../../coordinator/schedule/events/replay.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { below } from "../../../../shared/domain/location.ts";
import { partialFolder } from "../../../../shared/domain/partial.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";
import { aPartialManifest } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { aConfig } from "../../../unit/coordinator/schedule/harness.ts";

const PATHS = workPaths("/out");
const LOST = aPartialManifest({ digest: aDigest("") });
const FOLDER = below(PATHS.partials, partialFolder(LOST));

interface OutputFacts {
  readonly storage?: Storage;
  readonly paths?: WorkPaths;
  readonly generation?: number;
  readonly reduce?: JobSeams["reduce"];
  readonly confirm?: () => Promise<void>;
}

function anOutput({
  storage = new MemoryStorage(),
  paths = PATHS,
  generation = 1,
  reduce = realSeams.reduce,
  confirm = async () => {},
}: OutputFacts): JobOutput {
  const { planned } = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  return new JobOutput({
    jobId: aJobId("j"),
    planned,
    builds: [],
    state: () => replay(aConfig(), [], generation),
    seams: { ...realSeams, reduce },
    clock: systemClock,
    paths,
    storage,
    runWatch: { look() {} } as RunWatch,
    runTasks: async () => null,
    lock: { confirm, whyLost: async () => null },
    inputFiles: null,
  });
}

/** Discards a partial. `confirm` checks that this coordinator still holds the job. */
async function discard(storage: MemoryStorage, confirm: () => Promise<void>): Promise<void> {
  await storage.put(below(FOLDER, "rows.parquet"), sourceOfBytes("rows"), { signal: NEVER });
  await using output = anOutput({ storage, confirm });
  await output.discard(LOST);
}

/** Returns the stages of two attempts of one coordinator and one attempt of the next. All of them fail. */
async function stagesOf(paths: WorkPaths, storage: Storage = new MemoryStorage()): Promise<string[]> {
  const stages: string[] = [];
  const reduce: JobSeams["reduce"] = async ({ paths: { stage } }) => {
    stages.push(stage);
    throw new ShardmillError("STORE_FAILED", "the line broke");
  };
  await using first = anOutput({ paths, storage, reduce });
  await using second = anOutput({ paths, storage, reduce, generation: 2 });
  for (const output of [first, first, second])
    await expect(output.reduce()).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  return stages;
}

test("in a bucket, each attempt to stage an output has its own folder, also across coordinators", async () => {
  const inBucket = workPaths("s3://bucket/out");
  // Without a folder of a run, as in the simulator, and with one.
  for (const paths of [inBucket, withRun(inBucket, "run-00000000000000aa")]) {
    const stages = await stagesOf(paths);
    expect(new Set(stages).size).toBe(3);
    for (const own of stages) expect(own.startsWith(`${paths.stage}/`)).toBe(true);
  }
});

test("on a disk, all attempts to stage an output use the same folder", async () => {
  expect(new Set(await stagesOf(PATHS, createLocalStorage()))).toEqual(new Set([PATHS.stage]));
});

test("a coordinator that holds the job removes a discarded partial", async () => {
  const storage = new MemoryStorage();
  await discard(storage, async () => {});
  expect(await storage.kindAt(FOLDER, NEVER)).toBeNull();
});

test("a discard removes nothing, and does not fail, if the store cannot confirm who holds the job", async () => {
  const storage = new MemoryStorage();
  await discard(storage, async () => {
    throw new ShardmillError("STORE_FAILED", "the line broke");
  });
  expect(await storage.kindAt(FOLDER, NEVER)).toBe("folder");
});

test("a discard by a coordinator that has lost the job fails and removes nothing", async () => {
  const storage = new MemoryStorage();
  const locked = new ShardmillError("OUTPUT_LOCKED", "another has it");
  await expect(discard(storage, () => Promise.reject(locked))).rejects.toBe(locked);
  expect(await storage.kindAt(FOLDER, NEVER)).toBe("folder");
});
