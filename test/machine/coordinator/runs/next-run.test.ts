import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { intentText } from "../../../../coordinator/publish/intent.ts";
import { buildManifest } from "../../../../coordinator/publish/layout.ts";
import { manifestText } from "../../../../coordinator/publish/read-manifest.ts";
import { findOutputPaths, withRun } from "../../../../coordinator/publish/work-paths.ts";
import { nextRun } from "../../../../coordinator/runs/next-run.ts";
import { runFolder } from "../../../../coordinator/runs/read-runs.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { below, type Location, parseLocation } from "../../../../shared/domain/location.ts";
import type { ReadFile } from "../../../../shared/domain/manifest.ts";
import { nothingNewLines } from "../../../../shared/domain/new-input.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { rowCounts } from "../../../support/builders.ts";
import { aDigest, aJobId } from "../../../support/ids.ts";

/** A run is chosen by names only, so these files have no rows. */

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-next-run-"));
  await mkdir(at("data"));
});
afterEach(() => rm(folder, { recursive: true }));

const BUCKET = parseLocation("s3://bucket/out");
const { signal } = new AbortController();
const at = (name: string) => join(folder, name);
const aFile = (name: string) => writeFile(at(name), name);

function aManifest(inputFiles: readonly ReadFile[]) {
  return buildManifest(
    {
      job: { id: aJobId("j1"), name: "j" },
      digests: { spec: aDigest("s"), input: aDigest("i"), model: aDigest("m") },
      run: NO_RUN,
      counts: rowCounts(0),
      inputFiles,
      builds: [],
      versions: {},
    },
    [],
  );
}

interface Look {
  readonly storage: MemoryStorage;
  readonly output?: Location;
  readonly begun?: readonly string[] | null;
  readonly fresh?: boolean;
  readonly changed?: "again" | "ignore" | "error";
}

function look({ storage, output = BUCKET, begun = null, fresh = false, changed }: Look) {
  const spec = checkJobSpec({
    input: { path: at("data"), new: true, ...(changed === undefined ? {} : { changed }) },
    model: { path: "/m.onnx" },
    output: { path: output },
  });
  const sealedInput = async () => (begun === null ? null : { files: new Set(begun.map(at)), pins: [] });
  return nextRun(spec, { storage, sealedInput, signal, fresh });
}

async function filesOf(looked: ReturnType<typeof nextRun>): Promise<string[]> {
  const next = await looked;
  return next.kind === "run" ? next.input.files.map(({ path }) => path.slice(folder.length + 1)) : [];
}

/** Returns a bucket with a published run over all current files. */
async function publishedRun(): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const next = await look({ storage });
  if (next.kind !== "run") throw new Error("there is nothing to publish");
  const read = next.input.files.map(({ folderValues: _, format: _f, ...file }) => file);
  await putText(storage, below(runFolder(BUCKET, 1), "_manifest.json"), manifestText(aManifest(read)));
  return storage;
}

function putText(storage: MemoryStorage, location: Location, text: string): Promise<unknown> {
  return storage.put(location, sourceOfBytes(text), { signal });
}

test("a new, renamed or removed link to files that were already read gives no new files", async () => {
  await mkdir(at("elsewhere"));
  await aFile("elsewhere/a.parquet");
  await symlink(at("elsewhere"), at("data/latest"));
  const storage = await publishedRun();
  expect(await look({ storage })).toMatchObject({ kind: "nothingNew", found: { missing: { count: 0 } } });
  await rename(at("data/latest"), at("data/today"));
  expect(await look({ storage })).toMatchObject({ kind: "nothingNew", found: { missing: { count: 0 } } });
  // The real files are now input under another path, so they are read again.
  await rm(at("data/today"));
  await rename(at("elsewhere"), at("data/elsewhere"));
  await symlink(at("data/elsewhere"), at("elsewhere"));
  expect(await filesOf(look({ storage }))).toEqual(["data/elsewhere/a.parquet"]);
  await rm(at("elsewhere"));
  await rename(at("data/elsewhere"), at("elsewhere"));
  await symlink(at("elsewhere"), at("data/again"));
  expect(await look({ storage })).toMatchObject({ kind: "nothingNew" });
});

test("a changed file is read again, ignored or refused, as input.changed requires", async () => {
  await aFile("data/a.parquet");
  await aFile("data/b.parquet");
  const storage = await publishedRun();
  await expect(look({ storage, changed: "error" })).resolves.toMatchObject({ kind: "nothingNew" });
  await writeFile(at("data/b.parquet"), "longer than it was");
  const nothing = await look({ storage, changed: "ignore" });
  expect(nothing).toMatchObject({
    kind: "nothingNew",
    found: { changed: { count: 0 }, ignored: { count: 1 } },
  });
  expect(nothingNewLines("out", nothing.found)[1]).toContain(
    "1 file has changed since a run read it, and is not read",
  );
  await aFile("data/c.parquet");
  expect(await filesOf(look({ storage }))).toEqual(["data/b.parquet", "data/c.parquet"]);
  expect(await filesOf(look({ storage, changed: "again" }))).toEqual(["data/b.parquet", "data/c.parquet"]);
  const left = await look({ storage, changed: "ignore" });
  expect(left).toMatchObject({
    input: { files: [{ path: at("data/c.parquet") }] },
    found: { newFiles: 1, ignored: { count: 1, examples: [at("data/b.parquet")] } },
  });
  await expect(look({ storage, changed: "error" })).rejects.toMatchObject({
    code: "JOB_MISMATCH",
    problems: [expect.objectContaining({ where: at("data/b.parquet") })],
    hint: expect.stringContaining("input.changed=again"),
  });
  // A run resumes with the files that it began with, whatever the job says now.
  await putText(storage, below(runFolder(BUCKET, 2), "_shardmill/partials/x"), "");
  for (const changed of ["ignore", "error"] as const)
    expect(await filesOf(look({ storage, changed, begun: ["data/b.parquet"] }))).toEqual(["data/b.parquet"]);
});

test("input.changed is refused without input.new", () => {
  const job = (more: object) =>
    checkJobSpec({ model: { path: "/m.onnx" }, output: { path: "/out" }, ...more });
  const input = { path: at("data"), changed: "ignore" };
  expect(() => job({ input })).toThrow(
    expect.objectContaining({ problems: [expect.objectContaining({ where: "input.changed" })] }),
  );
  expect(job({ input: { ...input, new: true } }).input.changed).toBe("ignore");
});

test("missing files of an unfinished run fail with JOB_MISMATCH, even if no input is left", async () => {
  await aFile("data/a.parquet");
  const storage = new MemoryStorage();
  await putText(storage, below(runFolder(BUCKET, 1), "_shardmill/partials/x"), "");
  const begun = ["data/a.parquet", "data/b.parquet"];
  const gone = {
    code: "JOB_MISMATCH",
    message: expect.stringContaining("1 of its 2 files are missing"),
    problems: [expect.objectContaining({ where: at("data/b.parquet") })],
    hint: expect.stringContaining("--fresh"),
  };
  await expect(look({ storage, begun })).rejects.toMatchObject(gone);
  expect(await filesOf(look({ storage, begun, fresh: true }))).toEqual(["data/a.parquet"]);
  await aFile("data/b.parquet");
  await aFile("data/c.parquet");
  expect(await filesOf(look({ storage, begun }))).toEqual(begun);
  await rm(at("data"), { recursive: true });
  const nothing = await look({ storage, begun }).catch((error: unknown) => error);
  if (!isShardmillError(nothing, "JOB_MISMATCH")) throw nothing;
  expect(nothing.message).toContain("2 of its 2 files are missing");
  expect(nothing.cause).toMatchObject({ code: "INPUT_NOT_FOUND" });
});

test("a run that another machine decided to publish is used, despite newer files or a local run", async () => {
  await aFile("data/a.parquet");
  const storage = new MemoryStorage();
  const first = await look({ storage });
  if (first.kind !== "run") throw new Error("there is nothing to decide on");
  const paths = withRun(await findOutputPaths(first.spec, {}), "run-0123456789abcdef");
  const manifest = aManifest(first.input.files.map(({ path, bytes, version }) => ({ path, bytes, version })));
  await putText(storage, paths.publishing, intentText({ manifest, parts: [] }, paths));
  await aFile("data/b.parquet");
  expect(await filesOf(look({ storage }))).toEqual(["data/a.parquet"]);
  expect(await filesOf(look({ storage, begun: ["data/b.parquet"] }))).toEqual(["data/a.parquet"]);
});
