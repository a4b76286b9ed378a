import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { CheckerThreadClient } from "../../coordinator/commit/checker-thread-client.ts";
import { createPartialStore } from "../../coordinator/commit/partial-store.ts";
import { removeWorkFiles, removeWorkFolder } from "../../coordinator/publish/cleanup.ts";
import { inspectOutput } from "../../coordinator/publish/output-folder.ts";
import { publishOutput } from "../../coordinator/publish/publish.ts";
import type { StagedOutput } from "../../coordinator/publish/publish-way.ts";
import { manifestText, readManifest } from "../../coordinator/publish/read-manifest.ts";
import { type StageOptions, stageOutput } from "../../coordinator/publish/stage.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../coordinator/reduce/reduce.ts";
import { digestFile, sha256 } from "../../shared/core/digest.ts";
import { realDisk } from "../../shared/core/disk.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { OUTPUT_FOLDERS, type OutputManifest } from "../../shared/domain/manifest.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { asBucket } from "../../shared/storage/as-bucket.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { clearUnlocked } from "../support/clear-unlocked.ts";
import { aDeadLetter, writePartials } from "../support/partial-builder.ts";
import { PLAIN_LOCK } from "../support/plain-lock.ts";
import { FACTS, FIELDS, KEEP, POISONED, RECIPES, REDUCE } from "../support/small-output.ts";

const STEPS = [
  "intent written",
  "rows placed",
  "rows synced",
  "reduced placed",
  "reduced synced",
  "errors placed",
  "errors synced",
  "manifest placed",
  "manifest synced",
] as const;

const signal = new AbortController().signal;
/** The same folder, as a disk and as a bucket. */
const disk = createLocalStorage();
const PLACES = [["on a disk", disk] as const, ["in a bucket", asBucket(disk)] as const];
afterAll(() => disk[Symbol.asyncDispose]());

let storage: Storage;
let root: string;
let out: Location;
let partials: readonly PartialManifest[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-publish-"));
  storage = disk;
  out = parseLocation(join(root, "it's out"));
  const paths = workPaths(out);
  partials = await writePartials(
    { partialsPath: paths.partials, tempFolder: paths.temp, reduce: REDUCE },
    RECIPES,
  );
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function stageAll(extra: Partial<StageOptions> = {}): Promise<StagedOutput> {
  const common = { partials, paths: workPaths(out), storage, signal };
  const reduced = await reducePartials({ ...common, reduce: REDUCE, fields: FIELDS });
  return stageOutput({ ...common, facts: () => FACTS, reduced, poisoned: POISONED, keep: KEEP, ...extra });
}

function publish(staged: StagedOutput, crashAfter?: string): Promise<void> {
  const onStep = (step: string) => {
    if (step === crashAfter) throw new Error(`crash after ${step}`);
  };
  return publishOutput({ paths: workPaths(out), storage, staged, onStep });
}

/** Returns the sha256 of every published file, including the manifest. */
async function snapshot(): Promise<Record<string, string>> {
  const names = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("_shardmill"))
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1));
  const digestOf = async (name: string) =>
    [name, (await digestFile(join(out, name), signal)).sha256] as const;
  return Object.fromEntries(await Promise.all(names.sort().map(digestOf)));
}

test("the output has rows in plan order, reductions and dead letters, and nothing else after cleaning", async () => {
  const staged = await stageAll();
  const { manifest } = staged;
  await publish(staged);
  await removeWorkFiles(workPaths(out), { storage, disk: realDisk, lock: PLAIN_LOCK });
  await removeWorkFolder(workPaths(out), realDisk);
  expect(manifest.files.map(({ path, rows }) => [path, rows])).toEqual([
    ["rows/part-00000.parquet", 10],
    ["rows/part-00001.parquet", 9],
    ["_reduced/counts.pq", 3],
    ["_errors/part-00000.pq", 1],
    ["_errors/part-00001.pq", 1],
  ]);
  expect(manifest.rows).toMatchObject({ input: 21, pruned: 0, filtered: 0, output: 19, deadLetters: 2 });
  expect(await readManifest(below(out, "_manifest.json"), storage, signal)).toEqual(manifest);
  expect(await inspectOutput(out, storage)).toEqual({ kind: "published", manifest });
  const { "_manifest.json": _, ...digests } = await snapshot();
  expect(digests).toEqual(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256])));
  expect((await readdir(out)).sort()).toEqual(["_errors", "_manifest.json", "_reduced", "rows"]);
});

test("all dead letters are one table, in which poisoned rows have null for kept columns", async () => {
  const staged = await stageAll();
  const { manifest } = staged;
  await publish(staged);
  await using database = await openLockedDatabase({ folders: [out], tempFolder: join(root, "tmp") });
  const errors = manifest.files.filter(({ kind }) => kind === "errors").map(({ path }) => join(out, path));
  expect(await database.rows(`FROM ${parquetScan(errors)}`)).toEqual([
    { ...aDeadLetter({ row: 10 }), id: 7 },
    { ...POISONED[0], id: null },
  ]);
});

test("poisoned rows alone also have the kept columns, which are renamed on a conflict", async () => {
  partials = partials.filter(({ rowsDeadLettered }) => rowsDeadLettered === 0);
  const keep: Field[] = [...KEEP, { name: "row", type: { kind: "string" }, nullable: true }];
  const facts = () => ({ ...FACTS, run: { ...NO_RUN, rowsTotal: 20, shardsCommitted: 3, attempts: 3 } });
  await publish(await stageAll({ partials, keep, facts }));
  await using database = await openLockedDatabase({ folders: [out], tempFolder: join(root, "tmp") });
  expect(await database.rows(`FROM ${parquetScan([join(out, "_errors/part-00000.pq")])}`)).toEqual([
    { ...POISONED[0], id: null, kept_row: null },
  ]);
});

test("published rows files are the partials' own files under another name", async () => {
  await publish(await stageAll());
  const [partial] = partials;
  if (partial === undefined) throw new Error("no partial");
  const source = await stat(join(workPaths(out).partials, partialFolder(partial), "rows.parquet"));
  const published = await stat(join(out, "rows/part-00000.parquet"));
  expect(published.ino).toBe(source.ino);
});

describe.each(PLACES)("a crash while publishing %s", (_place, placeStorage) => {
  beforeEach(() => {
    storage = placeStorage;
  });

  test.for(
    STEPS.flatMap((step) => [[step, "on the same stage"] as const, [step, "on a stage built anew"] as const]),
  )("at `%s`: publishing again %s gives the same bytes and whole folders", async ([step, how]) => {
    const staged = await stageAll();
    const { manifest } = staged;
    await expect(publish(staged, step)).rejects.toThrow(`crash after ${step}`);
    await expectWholeFolders(manifest);

    if (how === "on a stage built anew") expect(await stageAll()).toEqual(staged);
    await publish(staged);
    await publish(staged);
    const { "_manifest.json": text = "", ...files } = await snapshot();
    expect(files).toEqual(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256])));
    expect(text).toBe(sha256(manifestText(manifest)));
  });

  test.for(STEPS)("at `%s`: clearing removes all of its files", async (step) => {
    await expect(publish(await stageAll(), step)).rejects.toThrow("crash");
    await clear();
    expect(await inspectOutput(out, storage)).toEqual({ kind: "empty" });
  });

  test("leaves folders that clearing removes even without their stage", async () => {
    await expect(publish(await stageAll(), "rows placed")).rejects.toThrow("crash");
    await storage.remove(workPaths(out).stage, signal);
    await clear();
    expect(await inspectOutput(out, storage)).toEqual({ kind: "empty" });
  });

  test("has a test at every step of publishing", async () => {
    const seen: string[] = [];
    const staged = await stageAll();
    await publishOutput({ paths: workPaths(out), storage, staged, onStep: (step) => seen.push(step) });
    expect(seen).toEqual(STEPS);
    expect(await readdir(out).then((names) => names.sort())).toEqual([
      "_errors",
      "_manifest.json",
      "_reduced",
      "_shardmill",
      "rows",
    ]);
  });
});

function clear(): Promise<void> {
  return clearUnlocked(workPaths(out), storage);
}

async function expectWholeFolders(manifest: OutputManifest): Promise<void> {
  const { "_manifest.json": text, ...files } = await snapshot();
  for (const [kind, folder] of Object.entries(OUTPUT_FOLDERS)) {
    const expected = manifest.files.filter((file) => file.kind === kind).map(({ path }) => path);
    const found = Object.keys(files).filter((path) => path.startsWith(`${folder}/`));
    expect(text === undefined ? [expected, []] : [expected]).toContainEqual(found);
  }
}

describe.each(PLACES)("publishing %s", (_place, placeStorage) => {
  beforeEach(() => {
    storage = placeStorage;
  });

  test("a folder with other files is refused and unchanged", async () => {
    const staged = await stageAll();
    await mkdir(join(out, "rows"));
    await writeFile(join(out, "rows", "part-00000.parquet"), "mine");
    await expect(publish(staged)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
    expect(await readFile(join(out, "rows", "part-00000.parquet"), "utf8")).toBe("mine");
    expect(existsSync(join(out, "_manifest.json"))).toBe(false);
    // Starting over does not treat the file as its own either, in spite of the name.
    await expect(clear()).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  });

  test("another job's manifest is refused and unchanged, and one with the same digest is success", async () => {
    const staged = await stageAll();
    await publish(staged);
    const before = await snapshot();
    const other = await stageAll({ poisoned: [aDeadLetter({ row: 20, message: "another" })] });
    expect(other.manifest.outputDigest).not.toBe(staged.manifest.outputDigest);
    await expect(publish(other)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
    await publish({ ...staged, manifest: { ...staged.manifest, attempts: 99 } });
    expect(await snapshot()).toEqual(before);
  });

  test("an unreadable manifest is never replaced", async () => {
    const staged = await stageAll();
    await expect(publish(staged, "errors synced")).rejects.toThrow("crash");
    const text = JSON.stringify({ ...staged.manifest, outputDigest: "f".repeat(64) });
    await writeFile(join(out, "_manifest.json"), text);
    await expect(publish(staged)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    expect(await readFile(join(out, "_manifest.json"), "utf8")).toBe(text);
  });

  test("a stage of another output is refused before anything is published", async () => {
    const first = await stageAll();
    await stageAll({ poisoned: [aDeadLetter({ row: 20, message: "another" })] });
    await expect(publish(first)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    await storage.remove(workPaths(out).stage, signal);
    await expect(publish(first)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    expect(await readdir(out)).toEqual(["_shardmill"]);
  });

  test("another output is refused over partly published folders, and clearing removes them", async () => {
    await expect(publish(await stageAll(), "errors placed")).rejects.toThrow("crash");
    const placed = await snapshot();
    const message = Array.from({ length: 500 }, (_, index) => sha256(String(index))).join();
    const other = await stageAll({ poisoned: [aDeadLetter({ row: 20, message })] });
    await expect(publish(other)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
    expect(await snapshot()).toEqual(placed);
    await clear();
    expect(await inspectOutput(out, storage)).toEqual({ kind: "empty" });
  });

  test("the lock of the job is confirmed before each step that readers see", async () => {
    let requested = 0;
    const confirm = async () => {
      requested += 1;
      if (requested === 4) throw new ShardmillError("OUTPUT_LOCKED", "another has it");
    };
    const staged = await stageAll();
    const published = publishOutput({ paths: workPaths(out), storage, staged, confirm });
    await expect(published).rejects.toMatchObject({ code: "OUTPUT_LOCKED" });
    // It still had the lock at the beginning, for the intent and for the rows, and not afterwards.
    expect((await readdir(out)).sort()).toEqual(["_shardmill", "rows"]);
  });
});

test.for([
  ["missing", (path: string) => rm(path)],
  ["of another size", (path: string) => writeFile(path, "short")],
] as const)("staging fails with the shard when a partial's file is %s", async ([, damage]) => {
  const partial = partials[2];
  if (partial === undefined) throw new Error("no partial");
  const path = join(workPaths(out).partials, partialFolder(partial), "rows.parquet");
  await damage(path);
  await expect(stageAll()).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { shard: 2, digest: partial.digest, path },
  });
  expect(await storage.kindAt(below(workPaths(out).stage, "_manifest.json"), signal)).toBe(null);
});

test("partials stay whole after they are reduced, staged and published", async () => {
  await publish(await stageAll());
  await using store = createPartialStore(
    workPaths(out).partials,
    { reduce: REDUCE, rowsFormat: "parquet", hasSteps: false, hasMadeInputs: false },
    { storage, openChecker: (place) => new CheckerThreadClient(place) },
  );
  for (const partial of partials) await store.verifyPartial(partial, signal);
});
