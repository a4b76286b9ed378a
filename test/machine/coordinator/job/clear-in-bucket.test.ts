import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inspectClearing } from "../../../../coordinator/job/bucket-rivals.ts";
import { putRunFile } from "../../../../coordinator/journal/run-file.ts";
import { Clearing } from "../../../../coordinator/publish/clearing.ts";
import { namesIn } from "../../../../coordinator/publish/output-folder.ts";
import { withRun, workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { below } from "../../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { needs } from "../../../support/needs.ts";
import {
  aClearing,
  Bucket,
  clearUntil,
  leaveAll,
  machineAt,
  OTHERS_RUN,
  OUT,
  open,
  openAndLeave,
  pathsOf,
  putIntent,
} from "./bucket-machine.ts";

/** Outputs in a bucket that one coordinator clears, and another finds. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-open-"));
});
afterEach(async () => {
  await leaveAll();
  await rm(folder, { recursive: true, force: true });
});

const machine = (name: string, storage: Bucket) => machineAt(join(folder, name), storage);

const isOfClearing = (name: string) => name.startsWith("clearing");

test.each([false, true])(
  "the clearing of a lost coordinator on another machine is completed here (--fresh: %s)",
  async (fresh) => {
    const there = machine("there", new Bucket());
    await openAndLeave(there);
    const before = await pathsOf(there);
    await clearUntil(there, 1);
    const here = machine("here", there.storage);
    expect(await open(here, fresh)).toMatchObject({ kind: "active", origin: { kind: "new" } });
    expect(await there.storage.kindAt(before.own, NEVER)).toBeNull();
    expect((await namesIn(below(OUT, "_shardmill"), there.storage))?.filter(isOfClearing)).toEqual([]);
  },
);

test.each([false, true])(
  "an output that a running coordinator on another machine is clearing is refused (--fresh: %s)",
  async (fresh) => {
    const there = machine("there", new Bucket());
    await openAndLeave(there);
    const { own, work } = await pathsOf(there);
    await using clearing = await Clearing.begin(work, { ...aClearing(there.storage), replaces: false });
    const here = machine("here", there.storage);
    await expect(open(here, fresh)).rejects.toMatchObject({
      code: "OUTPUT_LOCKED",
      message: expect.stringContaining("elsewhere is at work on this output"),
    });
    expect(await there.storage.kindAt(own, NEVER)).toBe("folder");
    await clearing.confirm();
  },
);

test("a coordinator whose clearing was taken over fails with OUTPUT_LOCKED at its next step", async () => {
  const there = machine("there", new Bucket());
  await openAndLeave(there);
  const { work } = await pathsOf(there);
  await using clearing = await Clearing.begin(work, { ...aClearing(there.storage), replaces: false });
  await using successor = await Clearing.begin(work, { ...aClearing(there.storage), replaces: true });
  await expect(clearing.confirm()).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
  await expect(clearing.end()).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
  expect(clearing.lost.aborted).toBe(true);
  await successor.confirm();
});

test("the second of two clearings that begin at the same moment is refused, and the first continues", async () => {
  const { storage } = machine("there", new Bucket());
  const work = below(OUT, "_shardmill");
  await using clearing = await Clearing.begin(work, { ...aClearing(storage), replaces: false });
  await expect(Clearing.begin(work, { ...aClearing(storage), replaces: false })).rejects.toMatchObject({
    code: "OUTPUT_LOCKED",
  });
  await clearing.confirm();
});

test("a clearing that was interrupted before the manifest leaves a published output published", async () => {
  const there = machine("there", new Bucket());
  await putIntent(there, await pathsOf(there));
  await open(there);
  await clearUntil(there, 0);
  expect(await open(machine("here", there.storage))).toMatchObject({ kind: "published" });
});

test.each([0, 1, 2, 3, 4])(
  "a clearing that was interrupted after %i removals is completed on the same machine without --fresh",
  async (removals) => {
    const here = machine("m", new Bucket());
    await openAndLeave(here);
    const before = await pathsOf(here);
    await clearUntil(here, removals);
    const opened = await open(here);
    expect(opened).toMatchObject({ kind: "active", origin: { kind: "new" } });
    expect(await here.storage.kindAt(before.own, NEVER)).toBeNull();
    expect(await here.storage.kindAt(below(OUT, "_shardmill", "clearing"), NEVER)).toBeNull();
    if (opened.kind === "active") await opened.job.release();
    expect(await openAndLeave(here)).toMatchObject({ kind: "resumed" });
  },
);

needs("bucket-journal").each([
  ["has begun since is kept", 2, false],
  ["has not begun is cleared", 1, true],
])("if an old clearing marker is found, a run that %s", async (_what, objects, isCleared) => {
  const storage = new Bucket();
  const paths = withRun({ ...workPaths(OUT), runFile: below(OUT, "_shardmill", "journal.json") }, OTHERS_RUN);
  await putRunFile(below(paths.work, "journal.json"), OTHERS_RUN, storage);
  for (let number = 1; number <= objects; number += 1)
    await storage.put(below(paths.own, "journal", `00000000000${number}`), sourceOfBytes("x"), {
      signal: NEVER,
    });
  await using _clearing = await Clearing.begin(paths.work, { ...aClearing(storage), replaces: false });
  const { kind } = await inspectClearing(paths, storage);
  expect(kind).toBe(isCleared ? "halfCleared" : "unfinished");
  expect(await storage.kindAt(below(paths.work, "clearing"), NEVER)).toBe(isCleared ? "file" : null);
});
