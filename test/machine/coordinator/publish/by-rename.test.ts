import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import { publishOutput } from "../../../../coordinator/publish/publish.ts";
import type { StagedOutput } from "../../../../coordinator/publish/publish-way.ts";
import { manifestText } from "../../../../coordinator/publish/read-manifest.ts";
import { type WorkPaths, workPaths } from "../../../../coordinator/publish/work-paths.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { sha256 } from "../../../../shared/core/digest.ts";
import { type Disk, realDisk } from "../../../../shared/core/disk.ts";
import { below, parseLocation } from "../../../../shared/domain/location.ts";
import { MANIFEST_NAME, OUTPUT_FOLDERS } from "../../../../shared/domain/manifest.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";

const storage = createLocalStorage();
afterAll(() => storage[Symbol.asyncDispose]());

let root: string;
let paths: WorkPaths;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-by-rename-"));
  paths = workPaths(parseLocation(join(root, "out")));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Stages the same rows as another coordinator would, with other facts about the run. */
async function stage(attempts: number): Promise<StagedOutput> {
  const text = "the rows";
  const manifest = buildManifest(
    {
      job: { id: aJobId("j"), name: "digits" },
      digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
      run: { ...NO_RUN, rowsTotal: 3, shardsCommitted: 1, attempts },
      counts: rowCounts(3),
      builds: [],
      versions: {},
    },
    [
      {
        path: `${OUTPUT_FOLDERS.rows}/part-00000.parquet`,
        kind: "rows",
        rows: 3,
        bytes: text.length,
        sha256: sha256(text),
      },
    ],
  );
  const parts = manifest.files.map((output) => ({ output, from: below(paths.stage, output.path) }));
  for (const { from } of parts) await storage.put(from, sourceOfBytes(text), { signal: NEVER });
  await storage.put(below(paths.stage, MANIFEST_NAME), sourceOfBytes(manifestText(manifest)), {
    signal: NEVER,
  });
  return { manifest, parts };
}

function publishedText(): Promise<string> {
  return readFile(join(root, "out", MANIFEST_NAME), "utf8");
}

test("a manifest that was lost in a power cut is published again unchanged", async () => {
  const first = await stage(1);
  await publishOutput({ paths, storage, staged: first });
  const seen = await publishedText();
  await rm(join(root, "out", MANIFEST_NAME));
  const second = await stage(7);
  expect(second.manifest.outputDigest).toBe(first.manifest.outputDigest);
  await publishOutput({ paths, storage, staged: second });
  expect(await publishedText()).toBe(seen);
});

test("a coordinator whose stage is removed by its successor while it publishes places no more files", async () => {
  const staged = await stage(1);
  let steps = 0;
  const confirm = async () => {
    if (steps > 0) await storage.remove(paths.stage, NEVER);
  };
  const onStep = () => {
    steps += 1;
  };
  const published = publishOutput({ paths, storage, staged, confirm, onStep });
  await expect(published).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect(await readdir(join(root, "out"))).toEqual(["_shardmill"]);
});

test("publishing staged rows takes three syncs: of the intent, of the rows, and of the manifest", async () => {
  const staged = await stage(1);
  const synced: string[] = [];
  const disk: Disk = {
    ...realDisk,
    async open(path, flags) {
      const file = await realDisk.open(path, flags);
      const sync = () => {
        synced.push(basename(path));
        return file.sync();
      };
      return {
        readInto: (bytes, at) => file.readInto(bytes, at),
        write: (bytes) => file.write(bytes),
        datasync: sync,
        sync,
        close: () => file.close(),
      };
    },
  };
  await using counted = createLocalStorage({ disk });
  await publishOutput({ paths, storage: counted, staged });
  expect(synced).toEqual(["_shardmill", "out", "out"]);
  expect(await publishedText()).toBe(manifestText(staged.manifest));
});
