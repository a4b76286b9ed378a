import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { endPublished } from "../../../../coordinator/job/end-published.ts";
import { openJob } from "../../../../coordinator/job/open-job.ts";
import { LOCK_NAME } from "../../../../coordinator/journal/lock-file.ts";
import { readManifest } from "../../../../coordinator/publish/read-manifest.ts";
import { findOutputPaths, withRun } from "../../../../coordinator/publish/work-paths.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { systemProcesses } from "../../../../shared/core/process-identity.ts";
import { below } from "../../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { readText } from "../../../../shared/storage/whole-file.ts";

import {
  Bucket,
  leaveAll,
  machineAt,
  OTHERS_RUN,
  OUT,
  open,
  openAndLeave,
  optionsOf,
  pathsOf,
  putIntent,
  ROWS,
} from "./bucket-machine.ts";

/** Jobs whose output is in a bucket, opened by coordinators of one machine or of several. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-open-"));
});
afterEach(async () => {
  await leaveAll();
  await rm(folder, { recursive: true, force: true });
});

const machine = (name: string, storage: Bucket) => machineAt(join(folder, name), storage);

const foldersOf = (name: string) => readdir(join(folder, name)).catch(() => []);

test("the same output address in two stores is two jobs with separate journals", async () => {
  const [here, there] = [machine("m", new Bucket()), machine("m", new Bucket("https://two"))];
  expect(await openAndLeave(here)).toMatchObject({ kind: "new" });
  expect(await openAndLeave(there)).toMatchObject({ kind: "new" });
  expect(await openAndLeave(here)).toMatchObject({ kind: "resumed" });
  expect(await openAndLeave(there)).toMatchObject({ kind: "resumed" });
});

test("what this run decided to publish is published unchanged, also by another build", async () => {
  const here = machine("m", new Bucket());
  await openAndLeave(here);
  await putIntent(here, await pathsOf(here));
  const opened = await open(here);
  expect(opened).toMatchObject({ kind: "published", manifest: { builds: ["of an earlier version"] } });
  expect(await readText(here.storage, below(OUT, "rows", "part-00000.parquet"), NEVER)).toBe(ROWS);
  // No other file is left: no work files in the bucket, and no journal here.
  expect(await here.storage.kindAt(below(OUT, "_shardmill"), NEVER)).toBeNull();
  expect(await foldersOf("m")).toEqual([]);
});

test("what another coordinator decided to publish is published, and no folder stays on this disk", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  expect(await open(machine("here", there.storage))).toMatchObject({ kind: "published" });
  expect(await foldersOf("here")).toEqual([]);
});

test("files of an exited coordinator on this disk are removed when its job is found published", async () => {
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

test("opening a job fails before it publishes anything if the files of its decision are missing", async () => {
  const here = machine("m", new Bucket());
  const paths = await pathsOf(here);
  await putIntent(here, paths);
  await here.storage.remove(paths.partials, NEVER);
  await here.storage.put(below(paths.own, "beacon"), sourceOfBytes("x"), { signal: NEVER });
  await expect(open(here)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    fields: { expected: 1, found: 0, path: below(paths.partials, "0-1.1-e", "rows.parquet") },
    hint: expect.stringContaining("--fresh"),
  });
  expect(await here.storage.kindAt(below(OUT, "rows"), NEVER)).toBeNull();
  expect(await open(here, true)).toMatchObject({ kind: "active" });
});

test("a decision to publish is completed if all its missing files are already in place", async () => {
  const here = machine("m", new Bucket());
  const paths = await pathsOf(here);
  await putIntent(here, paths);
  await here.storage.copy(
    below(paths.partials, "0-1.1-e", "rows.parquet"),
    below(OUT, "rows", "part-00000.parquet"),
    NEVER,
  );
  await here.storage.remove(paths.partials, NEVER);
  expect(await open(here)).toMatchObject({ kind: "published" });
});

test.each([
  ["removed if the manifest exists", null, true],
  ["kept if the manifest was removed meanwhile", "folder", false],
])("work files that an exited coordinator left are %s", async (_what, left, isThere) => {
  const here = machine("m", new Bucket());
  const { storage } = here;
  await putIntent(here, await pathsOf(here));
  await open(here);
  const found = await findOutputPaths(here.spec, storage);
  const manifest = await readManifest(below(OUT, "_manifest.json"), storage, NEVER);
  const { own } = withRun(found, OTHERS_RUN);
  await mkdir(join(found.disk, OTHERS_RUN), { recursive: true });
  await storage.put(below(own, "beacon"), sourceOfBytes("x"), { signal: NEVER });
  if (!isThere) await storage.remove(below(OUT, "_manifest.json"), NEVER);
  await endPublished(manifest, { paths: found, storage }, optionsOf(here.seams, false));
  expect(await storage.kindAt(own, NEVER)).toBe(left);
});

test.each(["readFile", "rename"] as const)(
  "a published output is reported as published even if %s fails at the release of the lock",
  async (call) => {
    const there = machine("there", new Bucket());
    await putIntent(there, await pathsOf(there));
    const here = machine("here", there.storage);
    const failed: string[] = [];
    const failing = async (path: string): Promise<never> => {
      failed.push(path);
      throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
    };
    const isPublished = async () =>
      (await there.storage.kindAt(below(OUT, "_manifest.json"), NEVER)) === "file";
    const disk: Disk = {
      ...realDisk,
      [call]: async (path: string, to: string) =>
        path.endsWith(LOCK_NAME) && (await isPublished()) ? failing(path) : realDisk[call](path, to),
    };
    // On a slow machine, a fast clock would also read the lock before its release.
    const options = { ...optionsOf({ ...here.seams, disk }, false), clock: systemClock };
    expect(await openJob(here.spec, options)).toMatchObject({ kind: "published" });
    expect(failed.length).toBeGreaterThan(0);
  },
);

test("a published output is reported as published even if work files and lock cannot be removed", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  await open(there);
  const failed: string[] = [];
  const failing = async (path: string): Promise<never> => {
    failed.push(basename(path));
    throw Object.assign(new Error("EIO: i/o error"), { code: "EIO" });
  };
  const disk: Disk = {
    ...realDisk,
    rename: (from, to) =>
      ["left", LOCK_NAME].includes(basename(from)) ? failing(from) : realDisk.rename(from, to),
  };
  const found = await findOutputPaths(there.spec, there.storage);
  await mkdir(join(found.disk, "left"), { recursive: true });
  expect(await open({ ...there, seams: { ...there.seams, disk } })).toMatchObject({ kind: "published" });
  expect(failed).toEqual(["left", LOCK_NAME]);
  // This process takes the lock that it left before.
  expect(await open(there)).toMatchObject({ kind: "published" });
  expect(await foldersOf("there")).toEqual([]);
});

test("a journal folder that cannot be created fails with a hint about work.path", async () => {
  const here = machine("m", new Bucket());
  await writeFile(join(folder, "m"), "a file");
  await expect(open(here)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    message: expect.stringContaining("journal of s3://bucket/out"),
    hint: expect.stringMatching(/work\.path.*SHARDMILL_STATE/),
  });
});
