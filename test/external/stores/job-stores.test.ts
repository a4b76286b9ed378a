import { readdir, readFile, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { userCredential } from "../../../shared/access/credential.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { FlightClient } from "../../support/flight/flight-client.ts";
import { startListening, startWorker } from "../../support/job-processes.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { type CliProcess, runCli, startCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** Whole jobs whose job file configures their stores: two servers, one of them with its own CA. */

let secure: S3Server;
let plain: S3Server;
let job: KnownJob;
beforeAll(async () => {
  [secure, plain] = await Promise.all([startS3Server({ isSecure: true }), startS3Server()]);
  job = await KnownJob.make({ rows: 6_000, files: 2 });
  const [first = "", second = ""] = (await readdir(job.at("data"))).sort();
  await Promise.all([
    keep(secure, "own", first),
    keep(plain, "shared", second),
    writeFile(job.at("ca.pem"), secure.settings.ca ?? ""),
    writeFile(
      job.at("credentials"),
      `[lab]\naws_access_key_id = ${secure.credentials.accessKeyId}\naws_secret_access_key = ${secure.credentials.secretAccessKey}\n`,
    ),
  ]);
  await plain.allowAll("shared");
});
afterAll(async () => {
  await Promise.all([job, secure, plain].map((each) => each[Symbol.asyncDispose]()));
});

async function keep(server: S3Server, bucket: string, name: string): Promise<void> {
  await server.makeBucket(bucket);
  await using storage = server.storage();
  const bytes = await readFile(job.at("data", name));
  await storage.put(below(parseLocation(`s3://${bucket}`), "in", name), sourceOfBytes(bytes), {
    signal: NEVER,
  });
}

/** Environment without endpoint, certificates and keys, which are in the job file or in its profile. */
const env = () => ({
  AWS_SHARED_CREDENTIALS_FILE: job.at("credentials"),
  AWS_CONFIG_FILE: job.at("none"),
  AWS_EC2_METADATA_DISABLED: "true",
});
const stores = () => ({
  "s3://own": {
    endpoint: secure.settings.endpoint?.origin,
    ca: "./ca.pem",
    profile: "lab",
    region: "us-east-1",
  },
  "s3://": { endpoint: plain.settings.endpoint?.origin, anonymous: true },
});
const input = { path: ["s3://own/in", "s3://shared/in/*.parquet"] };

test("a job over two stores uses the settings of its job file, in one process and over workers", async () => {
  await job.writeSpec({ input, stores: stores() });
  const alone = await runCli(["run", job.path, "--workers", "1"], {
    env: { ...job.env, ...env() },
    limitMs: 300_000,
  });
  expect(alone, alone.stderr).toMatchObject({ code: 0 });
  await expectRightAnswer(job);

  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--fresh"];
  const { cli, address } = await startListening(job, args, { env: env() });
  await using coordinator = cli;
  // The worker must reach the stores directly, because `shared` permits no other way.
  await using worker = startWorker(job, address, ["--data", "shared"], { env: env() });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await expectRightAnswer(job);
});

test("Flight serves an output in a store with the settings of its job file", async () => {
  const output = { path: "s3://own/out" };
  await job.writeSpec({ input, output, stores: stores() });
  const args = ["--listen", "127.0.0.1:0"];
  const rowsAt = async (cli: CliProcess, ...path: readonly string[]) => {
    const [, address = ""] = await cli.saw(/Arrow Flight on ([\d.]+:\d+)/);
    using client = new FlightClient(address, userCredential());
    return (await client.readAll(...path)).numRows;
  };
  const run = ["run", job.path, "--workers", "1", "--json"];
  const published = await runCli(run, { env: env(), limitMs: 300_000 });
  expect(published, published.stderr).toMatchObject({ code: 0 });
  const { job: jobId } = JSON.parse(published.stdout);

  await using alone = startCli(["flight", output.path, ...args, "--job", job.path], { env: env() });
  expect(await rowsAt(alone, "rows")).toBe(6_000);
  const unsaid = await runCli(["flight", output.path, ...args], { env: env() });
  expect(unsaid.code).not.toBe(0);

  const serving = ["coordinator", ...args, "--flight", "127.0.0.1:0", "--allow-local-addresses"];
  await using coordinator = startCli(serving, { env: env(), limitMs: 300_000 });
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  const submitted = await runCli(["submit", job.path, "--coordinator", address], { env: env() });
  expect(submitted, submitted.stderr).toMatchObject({ code: 0 });
  expect(await rowsAt(coordinator, jobId, "rows")).toBe(6_000);
});

test.each([
  ["without its own CA", { ca: undefined }, /certificate/],
  ["with a missing profile", { profile: "nobody" }, /no profile nobody/],
])("a store %s is refused before any work", async (_what, wrong, message) => {
  const all = stores();
  await job.writeSpec({ input, stores: { ...all, "s3://own": { ...all["s3://own"], ...wrong } } });
  const { code, stderr } = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], {
    env: { ...job.env, ...env() },
  });
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});

test("a private bucket is refused to anonymous requests", async () => {
  const all = stores();
  const { profile: _profile, ...settings } = all["s3://own"];
  await job.writeSpec({ input, stores: { ...all, "s3://own": { ...settings, anonymous: true } } });
  const { code, stderr } = await runCli(["plan", job.path, ...WITHOUT_ESTIMATE], {
    env: { ...job.env, ...env() },
  });
  expect(code).toBe(2);
  expect(stderr).toMatch(/AccessDenied|403/);
});
