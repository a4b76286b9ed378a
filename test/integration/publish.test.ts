import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createPartialStore } from "../../coordinator/commit/partial-store.ts";
import { removeWorkFiles, removeWorkFolder } from "../../coordinator/publish/cleanup.ts";
import { clearOutput, inspectOutput } from "../../coordinator/publish/output-folder.ts";
import { publishOutput } from "../../coordinator/publish/publish.ts";
import { readManifest } from "../../coordinator/publish/read-manifest.ts";
import { readStagedManifest, type StageOptions, stageOutput } from "../../coordinator/publish/stage.ts";
import { workPaths } from "../../coordinator/publish/work-paths.ts";
import { reducePartials } from "../../coordinator/reduce/reduce.ts";
import { digestFile } from "../../shared/core/digest.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { OutputManifest } from "../../shared/domain/manifest.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { NO_RUN } from "../../shared/domain/run-facts.ts";
import { openLockedDatabase } from "../../shared/sql/locked-duckdb.ts";
import { parquetScan } from "../../shared/sql/quote.ts";
import { aDeadLetter, type PartialRecipe, writePartials } from "../support/partial-builder.ts";

const REDUCE: JobSpec["reduce"] = {
  counts: {
    combine: "SELECT k, count(*) AS n FROM rows GROUP BY ALL",
    final: "SELECT k, sum(n)::BIGINT AS n FROM partials GROUP BY ALL ORDER BY ALL",
  },
};
const INT64: Field["type"] = { kind: "numeric", type: "int64" };
const FIELDS: readonly Field[] = ["id", "k"].map((name) => ({ name, type: INT64, nullable: true }));
const KEEP: readonly Field[] = [{ name: "id", type: { kind: "numeric", type: "int32" }, nullable: true }];
const RECIPES: readonly PartialRecipe[] = [
  { shard: 0, rows: "SELECT range AS id, range % 3 AS k FROM range(0, 10)" },
  {
    shard: 1,
    rows: "SELECT range AS id, range % 3 AS k FROM range(10, 10)",
    dead: [aDeadLetter({ row: 10 })],
  },
  { shard: 2, rows: "SELECT range AS id, range % 3 AS k FROM range(11, 20)" },
];
const POISONED = [aDeadLetter({ row: 20, stage: "worker", code: "ROW_POISON", message: "it's dead" })];
const ROWS_INPUT = 21;
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
let root: string;
let out: string;
let partials: readonly PartialManifest[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-publish-"));
  out = join(root, "it's out");
  const paths = workPaths(out);
  partials = await writePartials(
    { partialsPath: paths.partials, tempFolder: paths.temp, reduce: REDUCE },
    RECIPES,
  );
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function stageAll(extra: Partial<StageOptions> = {}): Promise<OutputManifest> {
  const { partials: partialsPath, stage: stagePath, temp: tempFolder } = workPaths(out);
  const common = { partials, partialsPath, stagePath, tempFolder, signal };
  const reduced = await reducePartials({ ...common, reduce: REDUCE, fields: FIELDS });
  const facts = {
    job: { id: "j1", name: "digits" },
    digests: { spec: "s", input: "i", model: "m" },
    run: { ...NO_RUN, rowsTotal: ROWS_INPUT, shardsCommitted: 4, attempts: 5 },
    builds: ["0.1.0"],
    versions: { shardmill: "0.1.0" },
  };
  return stageOutput({ ...common, facts, reduced, poisoned: POISONED, keep: KEEP, ...extra });
}

function publish(manifest: OutputManifest, crashAfter?: string): Promise<void> {
  const onStep = (step: string) => {
    if (step === crashAfter) throw new Error(`crash after ${step}`);
  };
  return publishOutput({ outputPath: out, stagePath: workPaths(out).stage, manifest, onStep });
}

/** Every published file's sha256, and the manifest's. */
async function snapshot(): Promise<Record<string, string>> {
  const names = (await readdir(out, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("_shardmill"))
    .map((entry) => join(entry.parentPath, entry.name).slice(out.length + 1));
  const digests = await Promise.all(
    names.sort().map(async (name) => (await digestFile(join(out, name))).sha256),
  );
  return Object.fromEntries(names.sort().map((name, index) => [name, digests[index] ?? ""]));
}

test("the output has the rows in plan order, the reductions and every dead letter, and nothing else after cleaning", async () => {
  const manifest = await stageAll();
  await publish(manifest);
  await removeWorkFiles(out);
  await removeWorkFolder(out);
  expect(manifest.files.map(({ path, rows }) => [path, rows])).toEqual([
    ["rows/part-00000.parquet", 10],
    ["rows/part-00001.parquet", 9],
    ["reduced/counts.parquet", 3],
    ["errors/part-00000.parquet", 1],
    ["errors/part-00001.parquet", 1],
  ]);
  expect(manifest.rows).toEqual({ input: 21, filtered: 0, output: 19, deadLetters: 2 });
  expect(await readManifest(join(out, "_manifest.json"))).toEqual(manifest);
  expect(await inspectOutput(out)).toEqual({ kind: "published", manifest });
  const { "_manifest.json": _, ...digests } = await snapshot();
  expect(digests).toEqual(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256])));
  expect((await readdir(out)).sort()).toEqual(["_manifest.json", "errors", "reduced", "rows"]);
});

test("all dead letters read as one table, poisoned rows with their kept columns null", async () => {
  const manifest = await stageAll();
  await publish(manifest);
  await using database = await openLockedDatabase({ folders: [out], tempFolder: join(root, "tmp") });
  const errors = manifest.files.filter(({ kind }) => kind === "errors").map(({ path }) => join(out, path));
  expect(await database.rows(`FROM ${parquetScan(errors)}`)).toEqual([
    { ...aDeadLetter({ row: 10 }), id: 7 },
    { ...POISONED[0], id: null },
  ]);
});

test("poisoned rows alone have the kept columns too, renamed where they clash", async () => {
  partials = partials.filter(({ rowsDead }) => rowsDead === 0);
  const keep: Field[] = [...KEEP, { name: "row", type: { kind: "string" }, nullable: true }];
  const facts = {
    job: { id: "j1", name: "digits" },
    digests: { spec: "s", input: "i", model: "m" },
    run: { ...NO_RUN, rowsTotal: 20, shardsCommitted: 3, attempts: 3 },
    builds: [],
    versions: {},
  };
  await publish(await stageAll({ partials, keep, facts }));
  await using database = await openLockedDatabase({ folders: [out], tempFolder: join(root, "tmp") });
  expect(await database.rows(`FROM ${parquetScan([join(out, "errors/part-00000.parquet")])}`)).toEqual([
    { ...POISONED[0], id: null, kept_row: null },
  ]);
});

test("rows files are the partials' own bytes under another name", async () => {
  await publish(await stageAll());
  const [partial] = partials;
  if (partial === undefined) throw new Error("no partial");
  const source = await stat(join(workPaths(out).partials, partialFolder(partial), "rows.parquet"));
  const published = await stat(join(out, "rows/part-00000.parquet"));
  expect(published.ino).toBe(source.ino);
});

test.for(
  STEPS.flatMap((step) => [[step, "on the same stage"] as const, [step, "on a stage built anew"] as const]),
)(
  "after a crash at `%s`, publishing again %s gives the same bytes, and nobody saw a part of a folder",
  async ([step, how]) => {
    const manifest = await stageAll();
    await cp(out, join(root, "reference"), { recursive: true });
    await expect(publish(manifest, step)).rejects.toThrow(`crash after ${step}`);
    await expectWholeFolders(manifest);

    if (how === "on a stage built anew") {
      expect(await stageAll()).toEqual(manifest);
    } else {
      expect(await readStagedManifest(workPaths(out).stage)).toEqual(manifest);
    }
    await publish(manifest);
    await publish(manifest);
    const { "_manifest.json": text = "", ...files } = await snapshot();
    expect(files).toEqual(Object.fromEntries(manifest.files.map(({ path, sha256 }) => [path, sha256])));
    const staged = join(root, "reference", "_shardmill", "stage", "_manifest.json");
    expect(text).toBe((await digestFile(staged)).sha256);
  },
);

async function expectWholeFolders(manifest: OutputManifest): Promise<void> {
  const { "_manifest.json": text, ...files } = await snapshot();
  for (const kind of ["rows", "reduced", "errors"]) {
    const expected = manifest.files.filter((file) => file.kind === kind).map(({ path }) => path);
    const found = Object.keys(files).filter((path) => path.startsWith(`${kind}/`));
    expect(text === undefined ? [expected, []] : [expected]).toContainEqual(found);
  }
}

test("every step is one that a crash was tried at", async () => {
  const seen: string[] = [];
  const manifest = await stageAll();
  await publishOutput({
    outputPath: out,
    stagePath: workPaths(out).stage,
    manifest,
    onStep: (step) => seen.push(step),
  });
  expect(seen).toEqual(STEPS);
});

test.for(STEPS)("after a crash at `%s`, clearing takes all of it away", async (step) => {
  const manifest = await stageAll();
  await expect(publish(manifest, step)).rejects.toThrow("crash");
  await clearOutput(out);
  expect(await inspectOutput(out)).toEqual({ kind: "empty" });
});

test("staging again while a placed folder is out does not make it somebody's", async () => {
  const manifest = await stageAll();
  await expect(publish(manifest, "rows placed")).rejects.toThrow("crash");
  await rm(workPaths(out).stage, { recursive: true });
  await clearOutput(out);
  expect(await inspectOutput(out)).toEqual({ kind: "empty" });
});

test("a folder with anything else in it is refused and left as it is", async () => {
  const manifest = await stageAll();
  await mkdir(join(out, "rows"));
  await writeFile(join(out, "rows", "part-00000.parquet"), "mine");
  await expect(publish(manifest)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  expect(await readFile(join(out, "rows", "part-00000.parquet"), "utf8")).toBe("mine");
  expect(existsSync(join(out, "_manifest.json"))).toBe(false);
  // Nor does starting over take it for a file of ours, though it has the name of one.
  await expect(clearOutput(out)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
});

test("another job's manifest is refused and left as it is; one of the same digest is success", async () => {
  const manifest = await stageAll();
  await publish(manifest);
  const before = await snapshot();
  const other = await stageAll({ poisoned: [aDeadLetter({ row: 20, message: "another" })] });
  expect(other.outputDigest).not.toBe(manifest.outputDigest);
  await expect(publish(other)).rejects.toMatchObject({ code: "OUTPUT_OCCUPIED" });
  await publish({ ...manifest, attempts: 99 });
  expect(await snapshot()).toEqual(before);
});

test("a manifest that is there and cannot be read is never replaced", async () => {
  const manifest = await stageAll();
  await expect(publish(manifest, "errors synced")).rejects.toThrow("crash");
  const text = JSON.stringify({ ...manifest, outputDigest: "f".repeat(64) });
  await writeFile(join(out, "_manifest.json"), text);
  await expect(publish(manifest)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect(await readFile(join(out, "_manifest.json"), "utf8")).toBe(text);
});

test("a stage of another output is refused before anything is placed", async () => {
  const first = await stageAll();
  await stageAll({ poisoned: [aDeadLetter({ row: 20, message: "another" })] });
  await expect(publish(first)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  await rm(workPaths(out).stage, { recursive: true });
  await expect(publish(first)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  expect(await readdir(out)).toEqual(["_shardmill"]);
});

test.for([
  ["missing", (path: string) => rm(path)],
  ["of another size", (path: string) => writeFile(path, "short")],
] as const)("a partial's file that is %s while staging names its shard", async ([, damage]) => {
  const partial = partials[2];
  if (partial === undefined) throw new Error("no partial");
  const path = join(workPaths(out).partials, partialFolder(partial), "rows.parquet");
  await damage(path);
  await expect(stageAll()).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { shard: 2, digest: partial.digest, path },
  });
  expect(await readStagedManifest(workPaths(out).stage)).toBe(null);
});

test("verified, reduced, staged and published: the partials are still whole, so all of it can be done again", async () => {
  await publish(await stageAll());
  await using store = createPartialStore(workPaths(out).partials, { reduce: REDUCE, rowsFormat: "parquet" });
  for (const partial of partials) await store.verifyPartial(partial, signal);
});
