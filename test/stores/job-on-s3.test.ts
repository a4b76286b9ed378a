import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseLocation } from "../../shared/domain/location.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { expectSameAsFromDisk, makeJobInStore } from "../support/job-in-store.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import type { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

/** Whole jobs whose input is in a bucket of a real server, over TLS. */

const BUCKET = parseLocation("s3://bucket");
let server: S3Server;
let storage: Storage;
let job: KnownJob;
beforeAll(async () => {
  server = await startS3Server({ isSecure: true });
  await server.makeBucket("bucket");
  storage = server.storage();
  job = await makeJobInStore(storage, BUCKET);
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
});

const env = () => ({ ...job.env, ...server.env });
test("a folder, a glob and a list of objects give the bytes that the same files give from a disk", async () => {
  await expectSameAsFromDisk(job, BUCKET, server.env);
}, 480_000);

test.each<[string, Readonly<Record<string, string>>]>([
  ["no credentials", { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_EC2_METADATA_DISABLED: "true" }],
  ["certificates that are not there", { AWS_CA_BUNDLE: "/no/such/bundle.pem" }],
  ["an address that is none", { AWS_ENDPOINT_URL: "nowhere" }],
])(
  "a worker with %s reads by way of the coordinator",
  async (_what, wrong) => {
    await job.writeSpec({ input: { path: "s3://bucket/in/data" } });
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn", "--fresh"];
    const { cli, address } = await startListening(job, args, { env: env() });
    await using coordinator = cli;
    await using worker = startWorker(job, address, [], { env: { ...server.env, ...wrong } });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await worker.ended).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
  },
  120_000,
);

describe("what is wrong is said before work", () => {
  const plan = async (path: string | readonly string[], settings: Readonly<Record<string, string>> = {}) => {
    await job.writeSpec({ input: { path } });
    return await runCli(["plan", job.path, "--no-estimate"], { env: { ...env(), ...settings } });
  };

  test.each([
    ["s3://bucket/in/none.parquet", /there is no such file or folder/],
    ["s3://bucket/in/data/*.arrow", /no file matches in s3:\/\/bucket\/in\/data/],
    ["s3://no-such-bucket/data", /there is no such file or folder/],
  ])("%s", async (path, what) => {
    const { code, stderr } = await plan(path);
    expect(code).toBe(2);
    expect(stderr).toMatch(what);
    expect(stderr).toContain("INPUT_NOT_FOUND");
  });

  test("a wrong secret, which is not shown", async () => {
    const { code, stdout, stderr } = await plan("s3://bucket/in/data", {
      AWS_SECRET_ACCESS_KEY: "hunter2hunter2",
    });
    expect(code).toBe(2);
    expect(stderr).toContain("SignatureDoesNotMatch");
    expect(`${stdout}${stderr}`).not.toContain("hunter2");
  });

  test("no credentials at all", async () => {
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "", AWS_EC2_METADATA_DISABLED: "true" };
    const { code, stderr } = await plan("s3://bucket/in/data", none);
    expect(code).toBe(2);
    expect(stderr).toMatch(/credentials/);
  });
});
