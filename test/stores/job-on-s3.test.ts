import { readdir, readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { digestsOf, startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

/** Whole jobs whose input is in a bucket of a real server, over TLS. */

let server: S3Server;
let storage: Storage;
let job: KnownJob;
beforeAll(async () => {
  server = await startS3Server({ isSecure: true });
  await server.makeBucket("bucket");
  storage = server.storage();
  // Large enough that no file is fetched whole.
  job = await KnownJob.make({ rows: 12_000, files: 3 });
  await upload(job, parseLocation("s3://bucket/in/data"));
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
});

async function upload(from: KnownJob, folder: Location): Promise<void> {
  for (const name of await readdir(from.at("data")))
    await storage.put(below(folder, name), sourceOfBytes(await readFile(from.at("data", name))));
}

const env = () => ({ ...job.env, ...server.env });
/** Of every published file but the manifest, which names the run. */
async function published(): Promise<Record<string, string>> {
  const { "_manifest.json": _manifest, ...files } = await digestsOf(job.out);
  return files;
}

test("a folder, a glob and a list of objects give the bytes that the same files give from a disk", async () => {
  const args = ["run", job.path, "--workers", "1", "--fresh"];
  const data = ["part-0000", "part-0001", "part-0002"];
  const outputs: Record<string, string>[] = [];
  for (const path of [
    "./data",
    "s3://bucket/in/data",
    "s3://bucket/in/",
    "s3://bucket/**/part-*.parquet",
    data.map((name) => `s3://bucket/in/data/${name}.parquet`),
  ]) {
    await job.writeSpec({ input: { path } });
    expect(await runCli(args, { env: env() })).toMatchObject({ code: 0 });
    await expectRightAnswer(job);
    outputs.push(await published());
  }
  for (const output of outputs) expect(output).toEqual(outputs[0]);
}, 240_000);

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
