import { existsSync } from "node:fs";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tableFromArrays, tableToIPC } from "apache-arrow";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { BEACON_NAME, writeBeacon } from "../../../../coordinator/commit/beacon.ts";
import { CheckerThreadClient } from "../../../../coordinator/commit/checker-thread-client.ts";
import {
  createPartialStore,
  type PartialStore,
  type PartialStoreSeams,
} from "../../../../coordinator/commit/partial-store.ts";
import { digestFile, sha256 } from "../../../../shared/core/digest.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { asExecutionId } from "../../../../shared/domain/execution-id.ts";
import { type Location, parseLocation } from "../../../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../../../shared/domain/partial.ts";
import { partialDigest } from "../../../../shared/domain/partial-digest.ts";
import type { PartialRules } from "../../../../shared/domain/partial-layout.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { aDigest } from "../../../support/ids.ts";
import { aDeadLetter, writePartials } from "../../../support/partial-builder.ts";

const SHAPE: PartialRules = {
  reduce: { counts: { combine: "SELECT k, count(*) AS n FROM rows GROUP BY ALL", final: "FROM partials" } },
  rowsFormat: "parquet",
  hasSteps: false,
  hasMadeInputs: false,
};
const SEAMS: PartialStoreSeams = {
  storage: createLocalStorage(),
  openChecker: (place) => new CheckerThreadClient(place),
};
afterAll(() => SEAMS.storage[Symbol.asyncDispose]());
const signal = new AbortController().signal;

let root: string;
let partialsPath: Location;
let store: PartialStore;
let partial: PartialManifest;
let folder: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-commit-"));
  partialsPath = parseLocation(join(root, "partials"));
  store = createPartialStore(partialsPath, SHAPE, SEAMS);
  const recipe = { shard: 0, rows: "SELECT range AS k FROM range(10)", dead: [aDeadLetter()] };
  const options = { partialsPath, tempFolder: join(root, "tmp"), reduce: SHAPE.reduce };
  const [written] = await writePartials(options, [recipe]);
  if (written === undefined) throw new Error("no partial");
  partial = written;
  folder = join(partialsPath, partialFolder(partial));
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

test("a complete partial is accepted", async () => {
  await expect(store.verifyPartial(partial, signal)).resolves.toBeUndefined();
});

test.for<[string, () => Promise<unknown>, Record<string, unknown>]>([
  ["a missing file", () => rm(join(folder, "rows.parquet")), { what: "names in its folder" }],
  ["a missing folder", () => rm(folder, { recursive: true }), { found: "nothing" }],
  ["an extra file", () => writeFile(join(folder, "more"), ""), { what: "names in its folder" }],
  [
    "a longer file",
    () => appendFile(join(folder, "rows.parquet"), "x"),
    { what: "rows.parquet has another size" },
  ],
  [
    "a flipped bit",
    () => flipBit(join(folder, "errors.parquet")),
    { what: "errors.parquet has another sha256" },
  ],
  [
    "a link in place of a file",
    async () => {
      await rename(join(folder, "rows.parquet"), join(root, "elsewhere"));
      await symlink(join(root, "elsewhere"), join(folder, "rows.parquet"));
    },
    { found: "a link" },
  ],
  [
    "a link in place of the folder",
    async () => {
      await rename(folder, join(root, "elsewhere"));
      await symlink(join(root, "elsewhere"), folder);
    },
    { what: "its folder is not a folder" },
  ],
])("a partial with %s is refused, and the error has the shard and the digest", async ([, damage, fields]) => {
  await damage();
  await expect(store.verifyPartial(partial, signal)).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { shard: 0, digest: partial.digest, ...fields },
  });
});

async function flipBit(path: string): Promise<void> {
  const bytes = await readFile(path);
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 1;
  await writeFile(path, bytes);
}

test.for<[string, (partial: PartialManifest) => Partial<PartialManifest>]>([
  ["row counts that do not add up", () => ({ rowsIn: 12 })],
  ["fewer rows out than the file has", () => ({ rowsMapped: 9, rowsOut: 9, rowsIn: 10 })],
  ["dead letters but no first dead letter", () => ({ firstDeadLetter: null })],
  ["negative counts", () => ({ rowsMapped: -1, rowsOut: -1, rowsDeadLettered: 1, rowsIn: 0 })],
  ["a row that is counted as filtered and as mapped", () => ({ rowsFiltered: 1 })],
  [
    "a filtered row although the job has no steps",
    ({ rowsIn, rowsFiltered }) => ({ rowsIn: rowsIn + 1, rowsFiltered: rowsFiltered + 1 }),
  ],
  ["a truncated text although the job has no tokenizer", () => ({ rowsTruncated: 1 })],
  ["output rows but no mapped row", ({ rowsMapped }) => ({ rowsMapped: 0, rowsFiltered: rowsMapped })],
  ["an execution ID that leads outside the folder", () => ({ executionId: asExecutionId("../../x") })],
  ["a digest of other files", () => ({ digest: aDigest("0".repeat(64)) })],
  ["a missing combined table", ({ files }) => withFiles(files.filter((file) => file.kind !== "combined"))],
  ["a missing rows file", ({ files }) => withFiles(files.filter((file) => file.kind !== "rows"))],
  ["two rows files", ({ files }) => withFiles([...files, ...files.slice(0, 1)])],
  [
    "a file name that leads outside the folder",
    ({ files }) =>
      withFiles(files.map((file) => (file.kind === "rows" ? { ...file, name: "../rows.parquet" } : file))),
  ],
  [
    "a file kind that does not match the file name",
    ({ files }) => withFiles(files.map((file) => (file.kind === "rows" ? { ...file, kind: "scan" } : file))),
  ],
])("a manifest with %s is refused", async ([, change]) => {
  const bad = { ...partial, ...change(partial) };
  await expect(store.verifyPartial(bad, signal)).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { shard: 0 },
  });
});

function withFiles(files: PartialManifest["files"]): Partial<PartialManifest> {
  return { files, digest: partialDigest(files) };
}

test("a manifest whose row count differs from the file's footer is refused", async () => {
  const files = partial.files.map((file) => (file.kind === "rows" ? { ...file, rows: 11 } : file));
  const bad = { ...partial, rowsMapped: 11, rowsOut: 11, rowsIn: 12, ...withFiles(files) };
  await expect(store.verifyPartial(bad, signal)).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { what: "rows in rows.parquet", expected: 11, found: 10 },
  });
});

test("a file that is not Parquet is refused despite a correct digest, and the next partial is checked", async () => {
  await writeFile(join(folder, "rows.parquet"), "PAR1 not parquet PAR1");
  const files = partial.files.map((file) =>
    file.kind === "rows" ? { ...file, bytes: 21, sha256: sha256("PAR1 not parquet PAR1") } : file,
  );
  await expect(store.verifyPartial({ ...partial, ...withFiles(files) }, signal)).rejects.toMatchObject({
    code: "PARTIAL_INVALID",
    fields: { what: "rows.parquet cannot be parsed" },
  });
  const recipe = { shard: 1, rows: "SELECT range AS k FROM range(3)" };
  const [other] = await writePartials({ partialsPath, tempFolder: join(root, "tmp"), reduce: SHAPE.reduce }, [
    recipe,
  ]);
  if (other === undefined) throw new Error("no partial");
  await expect(store.verifyPartial(other, signal)).resolves.toBeUndefined();
});

test("an unfinished upload in the folder of a complete partial has no effect", async () => {
  await writeFile(join(folder, ".rows.parquet.0123456789ab.tmp"), "half");
  await expect(store.verifyPartial(partial, signal)).resolves.toBeUndefined();
});

test("an aborted verification rejects with the signal's reason", async () => {
  const reason = new Error("stop");
  await expect(store.verifyPartial(partial, AbortSignal.abort(reason))).rejects.toBe(reason);
});

test("a discarded partial is removed and may be discarded again", async () => {
  await store.discardPartial(partial);
  await store.discardPartial(partial);
  expect(existsSync(folder)).toBe(false);
});

test("discarding a partial whose ID leads outside the folder fails and deletes nothing", async () => {
  await mkdir(join(root, "precious"));
  await expect(
    store.discardPartial({ ...partial, executionId: asExecutionId("/../../precious") }),
  ).rejects.toThrow();
  expect(existsSync(join(root, "precious"))).toBe(true);
});

test("a sweep keeps the beacon, the listed partials and those of later generations, and removes the rest", async () => {
  await writeBeacon(partialsPath, SEAMS.storage);
  await mkdir(join(partialsPath, "9-1.9-lost"));
  await mkdir(join(partialsPath, "9-2.1-successors"));
  await writeFile(join(partialsPath, ".tmp"), "");
  expect(await store.sweep([partial], 1)).toBe(2);
  const stays = [partialFolder(partial), BEACON_NAME, "9-2.1-successors"];
  expect((await readdir(partialsPath)).sort()).toEqual(stays.sort());
  await store.verifyPartial(partial, signal);
});

test("a beacon file has the returned content, and each new beacon has other content", async () => {
  const first = await writeBeacon(partialsPath, SEAMS.storage);
  expect(await readFile(first.path, "utf8")).toBe(first.content);
  const second = await writeBeacon(partialsPath, SEAMS.storage);
  expect(second.path).toBe(first.path);
  expect(second.content).not.toBe(first.content);
  expect(await readFile(second.path, "utf8")).toBe(second.content);
});

test.for([
  [3, "accepted"],
  [4, "refused"],
] as const)("an Arrow file with 3 rows and a manifest for %i rows is %s", async ([rows, outcome]) => {
  const arrowStore = createPartialStore(
    partialsPath,
    { reduce: {}, rowsFormat: "arrow", hasSteps: false, hasMadeInputs: false },
    SEAMS,
  );
  const table = tableFromArrays({ k: Int32Array.of(1, 2, 3) });
  await rm(folder, { recursive: true });
  await mkdir(folder);
  const path = join(folder, "rows.arrow");
  await writeFile(path, tableToIPC(table, "file"));
  const files = [{ kind: "rows", name: "rows.arrow", rows, ...(await digestFile(path, signal)) }] as const;
  const arrow = {
    ...partial,
    rowsIn: rows,
    rowsMapped: rows,
    rowsOut: rows,
    rowsDeadLettered: 0,
    firstDeadLetter: null,
    ...withFiles(files),
  };
  const verified = arrowStore.verifyPartial(arrow, signal).then(
    () => "accepted",
    (error: unknown) => (isShardmillError(error, "PARTIAL_INVALID") ? "refused" : error),
  );
  expect(await verified).toBe(outcome);
  await arrowStore[Symbol.asyncDispose]();
});
