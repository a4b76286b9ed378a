import { afterAll, beforeAll, expect, test } from "vitest";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { readRowFile } from "../../shared/storage/row-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { type GcsServer, startGcsServer } from "../support/gcs-server.ts";
import { expectSameAsFromDisk, makeJobInStore } from "../support/job-in-store.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import type { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Whole jobs whose input is in a bucket of Google Cloud Storage, as an emulator has it. */

const BUCKET = parseLocation("gs://bucket");
let server: GcsServer;
let storage: Storage;
let job: KnownJob;
beforeAll(async () => {
  server = await startGcsServer();
  await server.makeBucket("bucket");
  storage = server.storage();
  job = await makeJobInStore(storage, BUCKET);
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
});

test("a folder, a glob and a list of objects give the bytes that the same files give from a disk", async () => {
  await expectSameAsFromDisk(job, BUCKET, server.env);
}, 480_000);

test("a worker with settings that lead nowhere reads by way of the coordinator", async () => {
  await job.writeSpec({ input: { path: "gs://bucket/in/data" } });
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", "--fresh"];
  const { cli, address } = await startListening(job, args, { env: { ...job.env, ...server.env } });
  await using coordinator = cli;
  await using worker = startWorker(job, address, [], { env: { STORAGE_EMULATOR_HOST: "ftp://nowhere" } });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
}, 120_000);

test.each([
  ["gs://bucket/in/none.parquet", /there is no such file or folder/],
  ["gs://bucket/in/data/*.arrow", /no file matches in gs:\/\/bucket\/in\/data/],
  ["gs://no-such-bucket/data", /there is no such file or folder/],
])("what is wrong is said before work: %s", async (path, what) => {
  await job.writeSpec({ input: { path } });
  const { code, stderr } = await runCli(["plan", job.path, "--no-estimate"], {
    env: { ...job.env, ...server.env },
  });
  expect(code).toBe(2);
  expect(stderr).toMatch(what);
  expect(stderr).toContain("INPUT_NOT_FOUND");
});

test("a file that a row names is read from its bucket", async () => {
  const folder = below(BUCKET, "photos");
  await storage.put(below(folder, "a b.jpg"), sourceOfBytes("pixels"));
  await using storages = new Storages({ gs: async () => server.storage() });
  const { signal } = new AbortController();
  for (const name of ["gs://bucket/photos/a b.jpg", "a b.jpg"]) {
    const found = await readRowFile(storages, name, { folder, maxBytes: 100, signal });
    expect(found).toEqual({ kind: "bytes", bytes: new Uint8Array(Buffer.from("pixels")) });
  }
});
