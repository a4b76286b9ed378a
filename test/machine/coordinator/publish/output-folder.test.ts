import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { removeWorkFiles, removeWorkFolder } from "../../../../coordinator/publish/cleanup.ts";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import { inspectOutput } from "../../../../coordinator/publish/output-folder.ts";
import { manifestText } from "../../../../coordinator/publish/read-manifest.ts";
import { workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { realDisk } from "../../../../shared/core/disk.ts";
import { below, type Location, parseLocation } from "../../../../shared/domain/location.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { rowCounts } from "../../../support/builders.ts";
import { clearUnlocked } from "../../../support/clear-unlocked.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";
import { PLAIN_LOCK } from "../../../support/plain-lock.ts";

const MANIFEST = buildManifest(
  {
    job: { id: aJobId("j"), name: "digits" },
    digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
    run: { ...NO_RUN, rowsTotal: 3, shardsCommitted: 1 },
    counts: rowCounts(3),
    builds: [],
    versions: {},
  },
  [{ path: "rows/part-00000.parquet", kind: "rows", rows: 3, bytes: 3, sha256: sha256("abc") }],
);

const storage = createLocalStorage();

let root: string;
let out: Location;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-output-"));
  out = parseLocation(join(root, "out"));
});
afterEach(() => rm(root, { recursive: true, force: true }));
afterAll(() => storage[Symbol.asyncDispose]());

function clear(keepsWork: (name: string) => boolean = () => false): Promise<void> {
  return clearUnlocked(workPaths(out), storage, keepsWork);
}

async function put(files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(join(out, name, ".."), { recursive: true });
    await writeFile(join(out, name), text);
  }
}

const PUBLISHED = { "_manifest.json": manifestText(MANIFEST), "rows/part-00000.parquet": "abc" };

test("a missing folder is reported as fresh, and an empty folder as empty", async () => {
  expect(await inspectOutput(out, storage)).toEqual({ kind: "fresh" });
  await mkdir(out);
  expect(await inspectOutput(out, storage)).toEqual({ kind: "empty" });
});

test("other files make an output folder occupied, and clearing it is refused", async () => {
  await put({ "a.txt": "", "b.txt": "", "rows/mine.csv": "" });
  expect(await inspectOutput(out, storage)).toEqual({
    kind: "occupied",
    entries: ["a.txt", "b.txt", "rows"],
  });
  await expect(clear()).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED", fields: { path: out } });
  expect((await readdir(out)).sort()).toEqual(["a.txt", "b.txt", "rows"]);
});

test("a refusal lists five names and counts the rest", async () => {
  await put(Object.fromEntries(["1", "2", "3", "4", "5", "6", "7"].map((name) => [name, ""])));
  await expect(clear()).rejects.toThrow("1, 2, 3, 4, 5 and 2 more");
});

test("work files alone are reported as unfinished, and a manifest as published despite other files", async () => {
  await put({ "_shardmill/journal/1": "x" });
  expect(await inspectOutput(out, storage)).toEqual({ kind: "unfinished" });
  await put({ ...PUBLISHED, "notes.txt": "mine" });
  expect(await inspectOutput(out, storage)).toEqual({ kind: "published", manifest: MANIFEST });
});

test("an output that another coordinator begins to clear meanwhile is reported as half cleared", async () => {
  const memory = new MemoryStorage({
    before: async ({ call, location }) => {
      if (call !== "read" || location !== below(out, "_manifest.json")) return;
      await memory.put(below(out, "_shardmill", "clearing"), sourceOfBytes(""), { signal: NEVER });
      await memory.remove(below(out, "_manifest.json"), NEVER);
    },
  });
  await memory.put(below(out, "_manifest.json"), sourceOfBytes(manifestText(MANIFEST)), { signal: NEVER });
  expect(await inspectOutput(out, memory)).toEqual({ kind: "halfCleared" });
});

test("a corrupt manifest fails with OUTPUT_FAILED and its path", async () => {
  await put({ "_manifest.json": "{" });
  await expect(inspectOutput(out, storage)).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    fields: { path: join(out, "_manifest.json") },
  });
});

test("clearing removes a published output and its work files, and keeps other files", async () => {
  await put({ ...PUBLISHED, "_shardmill/journal/1": "x", "_shardmill/lock": "held", "notes.txt": "mine" });
  await clear((name) => name === "lock");
  expect((await readdir(out)).sort()).toEqual(["_shardmill", "notes.txt"]);
  expect(await readdir(join(out, "_shardmill"))).toEqual(["lock"]);
  await clear();
  expect(await readdir(out)).toEqual(["notes.txt"]);
});

test.for([
  ["another file in rows/", { "rows/mine.csv": "x" }],
  ["a changed published file", { "rows/part-00000.parquet": "changed" }],
] as const)("%s stops the clearing before any file is deleted", async ([, extra]) => {
  await put({ ...PUBLISHED, ...extra });
  await expect(clear()).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  expect(await inspectOutput(out, storage)).toMatchObject({ kind: "published" });
});

test("clearing removes the folders that an interrupted publication had placed", async () => {
  await put({ "rows/part-00000.parquet": "abc", "_shardmill/publishing.json": manifestText(MANIFEST) });
  await clear();
  expect(await readdir(out)).toEqual([]);
});

test("clearing is refused, and keeps the folders, if no intent names them", async () => {
  await put({ "rows/part-00000.parquet": "abc", "_shardmill/journal/1": "x" });
  await expect(clear()).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  expect(existsSync(join(out, "rows/part-00000.parquet"))).toBe(true);
});

test("an interrupted clearing is detected, and a second clearing completes it", async () => {
  // State after an exit right after the manifest was removed.
  await put({ "_shardmill/clearing": "", "rows/part-00000.parquet": "abc", "_shardmill/journal/1": "x" });
  expect(await inspectOutput(out, storage)).toEqual({ kind: "halfCleared" });
  await clear();
  expect(await inspectOutput(out, storage)).toEqual({ kind: "empty" });
});

test("removing the work files of a published job leaves nothing, and may be repeated", async () => {
  const paths = workPaths(out);
  const { partials, stage, temp } = paths;
  for (const folder of [partials, stage, temp]) await mkdir(join(folder, "x"), { recursive: true });
  await put({ "_shardmill/journal/1": "x" });
  await removeWorkFiles(paths, { storage, disk: realDisk, lock: PLAIN_LOCK });
  await removeWorkFiles(paths, { storage, disk: realDisk, lock: PLAIN_LOCK });
  await removeWorkFolder(paths, realDisk);
  await removeWorkFolder(paths, realDisk);
  expect(await readdir(out)).toEqual([]);
});
