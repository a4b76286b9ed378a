import { afterAll, beforeAll, expect, test } from "vitest";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { readRowFile } from "../../shared/storage/row-file.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { type AzureServer, startAzureServer } from "../support/azure-server.ts";
import { expectSameAsFromDisk, makeJobInStore } from "../support/job-in-store.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import type { KnownJob } from "../support/known-job.ts";

/** Whole jobs whose input is in a container of Azure, as its emulator has it. */

const BUCKET = parseLocation("az://container");
let server: AzureServer;
let storage: Storage;
let job: KnownJob;
beforeAll(async () => {
  server = await startAzureServer();
  await server.makeContainer("container");
  storage = server.storage();
  job = await makeJobInStore(storage, BUCKET);
}, 120_000);
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
});

test("a folder, a glob and a list of objects give the bytes that the same files give from a disk", async () => {
  await expectSameAsFromDisk(job, BUCKET, server.env);
}, 480_000);

test("a worker with settings that lead nowhere reads by way of the coordinator", async () => {
  await job.writeSpec({ input: { path: "az://container/in/data" } });
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", "--fresh"];
  const { cli, address } = await startListening(job, args, { env: { ...job.env, ...server.env } });
  await using coordinator = cli;
  await using worker = startWorker(job, address, [], { env: { AZURE_STORAGE_ACCOUNT: "no account" } });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
}, 120_000);

test("a file that a row names is read from its container", async () => {
  const folder = below(BUCKET, "photos");
  await storage.put(below(folder, "a b.jpg"), sourceOfBytes("pixels"));
  await using storages = new Storages({ az: async () => server.storage() });
  const { signal } = new AbortController();
  for (const name of ["az://container/photos/a b.jpg", "a b.jpg"]) {
    const found = await readRowFile(storages, name, { folder, maxBytes: 100, signal });
    expect(found).toEqual({ kind: "bytes", bytes: new Uint8Array(Buffer.from("pixels")) });
  }
});
