import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { formatRecord } from "../../../../coordinator/job-store/job-record.ts";
import { JobStore } from "../../../../coordinator/job-store/job-store.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { systemClock } from "../../../../shared/core/clock.ts";
import { silentLogger, troubleLogger } from "../../../../shared/core/log.ts";
import type { JobStatus } from "../../../../shared/domain/job-status.ts";
import { NO_RUN } from "../../../../shared/domain/run-facts.ts";
import { USUAL_STANDING } from "../../../../shared/domain/standing.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { aJobId } from "../../../support/ids.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-kept-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const spec = checkJobSpec({
  input: { path: "/data" },
  model: { path: "/model.onnx" },
  map: { inputs: { x: "x" }, outputs: { y: "y" } },
  output: { path: "/out" },
});

function aStatus(jobId: string, phase: JobStatus["phase"] = "running"): JobStatus {
  return {
    ...NO_RUN,
    ...USUAL_STANDING,
    phase,
    jobId: aJobId(jobId),
    name: "known",
    output: "/out",
    manifest: "",
    rowsFormat: "parquet",
    ended: null,
    failure: null,
  };
}

const open = (log = silentLogger) => JobStore.open({ folder, clock: systemClock, log, signal: NEVER });

async function fill(...statuses: readonly JobStatus[]): Promise<void> {
  const { store } = await open();
  await using _store = store;
  for (const status of statuses) await store.submitted({ spec }, status);
}

async function recalled(): Promise<[jobId: string, phase: string][]> {
  const { store, records } = await open();
  await store[Symbol.asyncDispose]();
  return records.map(({ jobId, status }) => [jobId, status.phase]);
}

test("submitted and ended jobs are restored after a restart, in the order of submission", async () => {
  await fill(aStatus("b"), aStatus("a"), aStatus("c"));
  const { store, records } = await open();
  expect(records.map(({ jobId }) => jobId)).toEqual(["b", "a", "c"]);
  await store.ended({ spec }, aStatus("a", "cancelled"));
  await store.submitted({ spec }, aStatus("b", "published"));
  await store[Symbol.asyncDispose]();
  expect(await recalled()).toEqual([
    ["a", "cancelled"],
    ["c", "running"],
    ["b", "published"],
  ]);
});

test("concurrent calls leave one complete record for each job, with its last status", async () => {
  const { store } = await open();
  await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      store.submitted({ spec }, aStatus(`j${at % 5}`, at < 15 ? "running" : "failed")),
    ),
  );
  await store[Symbol.asyncDispose]();
  expect((await recalled()).sort()).toEqual([0, 1, 2, 3, 4].map((at) => [`j${at}`, "failed"]));
});

test("a damaged record is renamed with a warning, and the other records are restored", async () => {
  await fill(aStatus("a"), aStatus("b"));
  const path = join(folder, "jobs", "a.json");
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, 90));
  await mkdir(join(folder, "jobs", "c.json"));
  const lines: string[] = [];
  const { store, records } = await open(troubleLogger((line) => lines.push(line)));
  await store[Symbol.asyncDispose]();
  expect(records.map(({ jobId }) => jobId)).toEqual(["b"]);
  expect(lines.sort()).toEqual([
    expect.stringMatching(/a\.json\.damaged.*submit the job again/),
    expect.stringMatching(/c\.json\.damaged.*submit the job again/),
  ]);
  // The damaged file is kept for inspection.
  expect(await readFile(`${path}.damaged`)).toEqual(bytes.subarray(0, 90));
  expect(await recalled()).toEqual([["b", "running"]]);
});

test("a record of a later version is skipped and kept", async () => {
  await fill(aStatus("a"));
  const path = join(folder, "jobs", "a.json");
  await writeFile(path, (await readFile(path, "utf8")).replace('"format":1', '"format":9'));
  expect(await recalled()).toEqual([]);
  expect(await readdir(join(folder, "jobs"))).toEqual(["a.json"]);
});

test("an unfinished file of a record changes nothing and is removed", async () => {
  await fill(aStatus("a"));
  await writeFile(join(folder, "jobs", "a.json.tmp"), "half");
  expect(await recalled()).toEqual([["a", "running"]]);
  expect(await readdir(join(folder, "jobs"))).toEqual(["a.json"]);
});

test("if more than a thousand jobs have ended, the oldest are removed, and running jobs are kept", async () => {
  await fill(aStatus("oldest"));
  for (let order = 2; order < 1_005; order += 1) {
    const jobId = aJobId(`e${order}`);
    const record = { jobId, order, spec, status: aStatus(jobId, "published") };
    await writeFile(join(folder, "jobs", `${jobId}.json`), formatRecord(record));
  }
  const { store } = await open();
  await store.submitted({ spec }, aStatus("last", "failed"));
  await store[Symbol.asyncDispose]();
  const known = (await recalled()).map(([jobId]) => jobId);
  expect(known).toHaveLength(1_001);
  expect([...known.slice(0, 2), known.at(-1)]).toEqual(["oldest", "e6", "last"]);
});

test("the view of an ended job is restored after a restart, and a view without a record is removed", async () => {
  const view = Uint8Array.from({ length: 3_000 }, (_, at) => at % 251);
  {
    const { store } = await open();
    await using _store = store;
    await store.submitted({ spec }, aStatus("a"));
    expect(await store.view(aJobId("a"))).toBeNull();
    await store.ended({ spec }, aStatus("a", "failed"), view);
    // Noted again, without new facts about the run.
    await store.ended({ spec }, aStatus("a", "failed"));
  }
  await writeFile(join(folder, "jobs", "nobody.view"), "of a job that is forgotten");
  const { store, records } = await open();
  await using _store = store;
  expect(records.map(({ jobId }) => jobId)).toEqual(["a"]);
  expect(Uint8Array.from((await store.view(aJobId("a"))) ?? [])).toEqual(view);
  expect((await readdir(join(folder, "jobs"))).sort()).toEqual(["a.json", "a.view"]);
});

test("views count toward the size limit, and the oldest jobs are removed with their views", async () => {
  const { store } = await open();
  await using _store = store;
  const large = new Uint8Array(100 << 20);
  for (const jobId of ["a", "b", "c"]) {
    await store.submitted({ spec }, aStatus(jobId));
    await store.ended({ spec }, aStatus(jobId, "published"), large);
  }
  expect((await readdir(join(folder, "jobs"))).sort()).toEqual(["b.json", "b.view", "c.json", "c.view"]);
});

test("the folders of submitted jobs have mode 700", async () => {
  await fill(aStatus("a"));
  for (const path of [folder, join(folder, "jobs")])
    expect((await stat(path)).mode & 0o777, path).toBe(0o700);
});

test("a second coordinator on the same folder is refused with STATE_LOCKED", async () => {
  const { store } = await open();
  await expect(open()).rejects.toMatchObject({
    code: "STATE_LOCKED",
    fields: { folder, pid: process.pid },
    hint: expect.stringContaining("--state"),
  });
  await store[Symbol.asyncDispose]();
  await (await open()).store[Symbol.asyncDispose]();
});

test("a folder that cannot be used is refused, and so is a record that cannot be written", async () => {
  await writeFile(join(folder, "jobs"), "a file");
  await expect(open()).rejects.toMatchObject({ code: "STATE_FAILED" });
  await rm(join(folder, "jobs"));
  const { store } = await open();
  await rm(join(folder, "jobs"), { recursive: true });
  await expect(store.submitted({ spec }, aStatus("a"))).rejects.toMatchObject({ code: "STATE_FAILED" });
  await store[Symbol.asyncDispose]();
});
