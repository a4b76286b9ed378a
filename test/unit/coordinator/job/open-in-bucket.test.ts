import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Meters } from "../../../../coordinator/insight/meters.ts";
import { endPublished } from "../../../../coordinator/job/end-published.ts";
import { type JobSeams, realSeams } from "../../../../coordinator/job/job-seams.ts";
import { openJob } from "../../../../coordinator/job/open-job.ts";
import type { OpenedJob, OpenJobOptions } from "../../../../coordinator/job/opened-job.ts";
import { RunRecorder } from "../../../../coordinator/job/run-recorder.ts";
import { LOCK_NAME } from "../../../../coordinator/journal/lock-file.ts";
import { clearOutput } from "../../../../coordinator/publish/clear-output.ts";
import { intentText } from "../../../../coordinator/publish/intent.ts";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import { knownPaths } from "../../../../coordinator/publish/own-run.ts";
import { readManifest } from "../../../../coordinator/publish/read-manifest.ts";
import { findOutputPaths, type WorkPaths, withRun } from "../../../../coordinator/publish/work-paths.ts";
import { DEFAULT_SCHEDULE } from "../../../../coordinator/schedule/state/config.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { realDisk } from "../../../../shared/core/disk.ts";
import { silentLogger } from "../../../../shared/core/log.ts";
import { systemProcesses } from "../../../../shared/core/process-identity.ts";
import { systemRandom } from "../../../../shared/core/random.ts";
import type { PlannedJob } from "../../../../shared/domain/job.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readText } from "../../../../shared/storage/whole-file.ts";
import { SeededRandom } from "../../../../sim/seeded-random.ts";
import { makeSimJob } from "../../../../sim/sim-plan.ts";

/** Jobs whose output is in a bucket, opened by coordinators of one machine or of several. */

const OUT = parseLocation("s3://bucket/out");
const ROWS = "the rows of all shards";
const OTHERS_RUN = "run-00000000000000bb";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-open-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A bucket of a store at an address of its own, in which so many files and folders can be removed. */
class Bucket extends MemoryStorage {
  removals = Number.POSITIVE_INFINITY;
  readonly #store: string;

  constructor(store = "https://one") {
    super({
      before: async ({ call }) => {
        if (call !== "remove") return;
        if (this.removals === 0) throw new Error("it died");
        this.removals -= 1;
      },
    });
    this.#store = store;
  }

  async storeOf(): Promise<string> {
    return this.#store;
  }
}

interface Machine {
  readonly spec: JobSpec;
  readonly planned: PlannedJob;
  readonly storage: Bucket;
  readonly seams: JobSeams;
}

/** Where one job is opened, with a disk of its own. */
function machine(name: string, storage: Bucket): Machine {
  const made = makeSimJob(new SeededRandom(1), { failingRows: false, poisonRows: false, place: 0 });
  const spec = {
    ...made.spec,
    output: { ...made.spec.output, path: OUT },
    work: { path: join(folder, name) },
  };
  const planned = { ...made.planned, spec };
  const seams: JobSeams = {
    ...realSeams,
    openStorage: async () => storage,
    plan: async () => planned,
    identify: async () => planned,
  };
  return { spec, planned, storage, seams };
}

async function open({ spec, seams }: Machine, fresh = false): Promise<OpenedJob> {
  return await openJob(spec, optionsOf(seams, fresh));
}

function optionsOf(seams: JobSeams, fresh: boolean): OpenJobOptions {
  return {
    fresh,
    clock: systemClock,
    log: silentLogger,
    schedule: DEFAULT_SCHEDULE,
    seams,
    reportOf: () => null,
    storesBefore: [],
    beganMs: 0,
    recorder: new RunRecorder(systemClock, new Meters()),
    onWake: () => {},
  };
}

/** Its coordinator is gone, and the job not ended. */
async function openAndLeave(on: Machine): Promise<OpenedJob["origin"]> {
  const opened = await open(on);
  if (opened.kind === "active") await opened.job.release();
  return opened.origin;
}

async function pathsOf({ spec, storage }: Machine): Promise<WorkPaths> {
  const paths = await findOutputPaths(spec, storage);
  return (await knownPaths(paths, { disk: realDisk, storage })) ?? withRun(paths, OTHERS_RUN);
}

/** It was decided to publish one file, and nothing of that was done yet. */
async function putIntent({ storage, planned }: Machine, paths: WorkPaths): Promise<void> {
  const path = "rows/part-00000.parquet";
  const output = { path, kind: "rows", rows: 2, bytes: ROWS.length, sha256: sha256(ROWS) } as const;
  const facts = {
    job: { id: "j", name: "sim" },
    digests: planned.digests,
    run: { ...NO_RUN, rowsTotal: 2, shardsCommitted: 1 },
    counts: { rowsMapped: 2, rowsFiltered: 0, rowsTruncated: 0, rowsOut: 2 },
    builds: ["of an earlier version"],
    versions: {},
  };
  const from = below(paths.partials, "0-1.1-e", "rows.parquet");
  const staged = { manifest: buildManifest(facts, [output]), parts: [{ output, from }] };
  await storage.put(from, sourceOfBytes(ROWS));
  await storage.put(paths.publishing, sourceOfBytes(intentText(staged, paths)), { ifAbsent: true });
}

/** Begins to start over, and dies after so many removals. */
async function clearUntil({ spec, storage }: Machine, removals: number): Promise<void> {
  const paths = await findOutputPaths(spec, storage);
  const clearing = { storage, disk: realDisk, random: systemRandom, keepsWork: () => false };
  storage.removals = removals;
  await expect(clearOutput(paths, clearing)).rejects.toThrow("it died");
  storage.removals = Number.POSITIVE_INFINITY;
}

const foldersOf = (name: string) => readdir(join(folder, name)).catch(() => []);

test("an output of one address in two stores is two jobs: neither touches the journal of the other", async () => {
  const [here, there] = [machine("m", new Bucket()), machine("m", new Bucket("https://two"))];
  expect(await openAndLeave(here)).toMatchObject({ kind: "new" });
  expect(await openAndLeave(there)).toMatchObject({ kind: "new" });
  expect(await openAndLeave(here)).toMatchObject({ kind: "resumed" });
  expect(await openAndLeave(there)).toMatchObject({ kind: "resumed" });
});

test("what this run decided to publish is published as it was decided, not made anew by another build", async () => {
  const here = machine("m", new Bucket());
  await openAndLeave(here);
  await putIntent(here, await pathsOf(here));
  const opened = await open(here);
  expect(opened).toMatchObject({ kind: "published", manifest: { builds: ["of an earlier version"] } });
  expect(await readText(here.storage, below(OUT, "rows", "part-00000.parquet"))).toBe(ROWS);
  // Nothing else is left: no work files in the bucket, no journal here.
  expect(await here.storage.kindAt(below(OUT, "_shardmill"))).toBeNull();
  expect(await foldersOf("m")).toEqual([]);
});

test("what another coordinator decided to publish is published, and leaves no folder on this disk", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  expect(await open(machine("here", there.storage))).toMatchObject({ kind: "published" });
  expect(await foldersOf("here")).toEqual([]);
});

test("what a coordinator that died has on this disk goes when the job is found published", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  await open(there);
  const here = machine("here", there.storage);
  const { disk } = await pathsOf(here);
  await mkdir(join(disk, "temp"), { recursive: true });
  await writeFile(join(disk, "temp", "upload"), "half a partial");
  const before = { ...systemProcesses.own(), startTicks: "1", nonce: "of an earlier life" };
  await writeFile(join(disk, LOCK_NAME), JSON.stringify(before));
  expect(await open(here)).toMatchObject({ kind: "published" });
  expect(await foldersOf("here")).toEqual([]);
});

test("a decision whose files are gone is told when the job is opened, before any of it is seen", async () => {
  const here = machine("m", new Bucket());
  const paths = await pathsOf(here);
  await putIntent(here, paths);
  await here.storage.remove(paths.partials);
  await here.storage.put(below(paths.own, "beacon"), sourceOfBytes("x"));
  await expect(open(here)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    fields: { expected: 1, found: 0, path: below(paths.partials, "0-1.1-e", "rows.parquet") },
    hint: expect.stringContaining("--fresh"),
  });
  expect(await here.storage.kindAt(below(OUT, "rows"))).toBeNull();
  expect(await open(here, true)).toMatchObject({ kind: "active" });
});

test("a decision whose files are gone, but for those that are placed already, is ended", async () => {
  const here = machine("m", new Bucket());
  const paths = await pathsOf(here);
  await putIntent(here, paths);
  await here.storage.copy(
    below(paths.partials, "0-1.1-e", "rows.parquet"),
    below(OUT, "rows", "part-00000.parquet"),
  );
  await here.storage.remove(paths.partials);
  expect(await open(here)).toMatchObject({ kind: "published" });
});

test("a clearing that another coordinator began is not ended unasked: what began anew since stays", async () => {
  const there = machine("there", new Bucket());
  await openAndLeave(there);
  const before = await pathsOf(there);
  await clearUntil(there, 1);
  const here = machine("here", there.storage);
  await expect(open(here)).rejects.toMatchObject({
    code: "OUTPUT_OCCUPIED",
    hint: expect.stringContaining("--fresh"),
  });
  expect(await there.storage.kindAt(before.own)).toBe("folder");
  expect(await foldersOf("here")).toEqual([]);
  expect(await open(here, true)).toMatchObject({ kind: "active" });
  expect(await there.storage.kindAt(before.own)).toBeNull();
});

test("a clearing of another's that has not come to the manifest leaves a published output published", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  await open(there);
  await clearUntil(there, 0);
  expect(await open(machine("here", there.storage))).toMatchObject({ kind: "published" });
});

test.each([
  ["is", null, true],
  ["was removed meanwhile", "folder", false],
])("what a dead coordinator left undone is done where the manifest %s", async (_what, left, isThere) => {
  const here = machine("m", new Bucket());
  const { storage } = here;
  await putIntent(here, await pathsOf(here));
  await open(here);
  const found = await findOutputPaths(here.spec, storage);
  const manifest = await readManifest(below(OUT, "_manifest.json"), storage);
  const { own } = withRun(found, OTHERS_RUN);
  await mkdir(join(found.disk, OTHERS_RUN), { recursive: true });
  await storage.put(below(own, "beacon"), sourceOfBytes("x"));
  if (!isThere) await storage.remove(below(OUT, "_manifest.json"));
  await endPublished(manifest, { paths: found, storage }, optionsOf(here.seams, false));
  expect(await storage.kindAt(own)).toBe(left);
});

test.each([0, 1, 2, 3, 4])(
  "a clearing that this coordinator began is ended without being asked again (%i removals done)",
  async (removals) => {
    const here = machine("m", new Bucket());
    await openAndLeave(here);
    const before = await pathsOf(here);
    await clearUntil(here, removals);
    const opened = await open(here);
    expect(opened).toMatchObject({ kind: "active", origin: { kind: "new" } });
    expect(await here.storage.kindAt(before.own)).toBeNull();
    expect(await here.storage.kindAt(below(OUT, "_shardmill", "clearing"))).toBeNull();
    if (opened.kind === "active") await opened.job.release();
    expect(await openAndLeave(here)).toMatchObject({ kind: "resumed" });
  },
);

test("a journal's folder that cannot be made is said by the key that names it", async () => {
  const here = machine("m", new Bucket());
  await writeFile(join(folder, "m"), "a file");
  await expect(open(here)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    message: expect.stringContaining("journal of s3://bucket/out"),
    hint: expect.stringMatching(/work\.path.*SHARDMILL_STATE/),
  });
});
