import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { below, type Location, parseLocation } from "../../shared/domain/location.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import { download, filesBelow, untilCommittedIn, workFolders } from "../support/bucket-output.ts";
import { startFaultyProxy } from "../support/faulty-proxy.ts";
import { SHARDS, slowJob } from "../support/interrupted-job.ts";
import { digestsOf, startListening, startWorker } from "../support/job-processes.ts";
import { expectRightAnswer } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { lcg } from "../support/onnx-model.ts";
import { runCli, startCli } from "../support/processes.ts";
import { type S3Server, startS3Server } from "../support/s3-server.ts";

/** Whole jobs whose output is in a bucket of a real server. */

let server: S3Server;
let storage: Storage;
let job: KnownJob;
/** Each test publishes to a folder of its own. */
let out: Location;
let count = 0;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("bucket");
  storage = server.storage();
  job = await KnownJob.make({ rows: 3_000 });
});
beforeEach(async () => {
  count += 1;
  out = parseLocation(`s3://bucket/results/out-${count}`);
  await job.writeSpec({ output: { path: out } });
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([job[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
});

const stateOf = (of: KnownJob) => join(of.folder, `state-${count}`);
const envOf = (of: KnownJob) => ({ ...of.env, ...server.env, SHARDMILL_STATE: stateOf(of) });
const run = (of: KnownJob, ...args: string[]) => ["run", of.path, "--workers", "1", ...args];

/** The right answer is in the bucket, and nothing else: no work files there, none here. */
async function expectPublished(of: KnownJob): Promise<void> {
  await download(storage, out, of.out);
  await expectRightAnswer(of);
  expect(await workFolders(stateOf(of))).toEqual([]);
}

test("a job publishes to a bucket what it publishes to a disk, byte for byte, and says so when it is run again", async () => {
  const first = await runCli(run(job), { env: envOf(job) });
  expect(first).toMatchObject({ code: 0 });
  expect(first.stdout).toContain(`${out}/_manifest.json`);
  await expectPublished(job);
  const { "_manifest.json": _one, ...inBucket } = await digestsOf(job.out);
  const again = await runCli(run(job, "--json"), { env: envOf(job) });
  expect(again).toMatchObject({ code: 0 });
  expect(JSON.parse(again.stdout)).toMatchObject({ state: "published", output: out });
  await job.writeSpec({ output: { path: "./on-disk" } });
  expect(await runCli(run(job), { env: envOf(job) })).toMatchObject({ code: 0 });
  const { "_manifest.json": _two, ...onDisk } = await digestsOf(job.at("on-disk"));
  expect(inBucket).toEqual(onDisk);
}, 120_000);

test.each([
  ["its own credentials", {}],
  ["none, by way of the coordinator", { AWS_ACCESS_KEY_ID: "", AWS_EC2_METADATA_DISABLED: "true" }],
])(
  "workers put their partials with %s",
  async (_what, settings) => {
    const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
    const { cli, address } = await startListening(job, args, { env: envOf(job) });
    await using coordinator = cli;
    await using worker = startWorker(job, address, [], { env: { ...server.env, ...settings } });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    expect(await worker.ended).toMatchObject({ code: 0 });
    await expectPublished(job);
  },
  120_000,
);

test("a coordinator that is killed is resumed by the same command, and no committed shard is run again", async () => {
  await using slow = await slowJob();
  await slow.writeSpec({ output: { path: out } });
  await using killed = startCli(run(slow), { env: envOf(slow), limitMs: 120_000 });
  await untilCommittedIn(stateOf(slow), 3);
  killed.killGroup("SIGKILL");
  await killed.ended;
  const before = await untilCommittedIn(stateOf(slow), 3);
  expect(before.committed.length).toBeLessThan(SHARDS);
  // Nothing is where readers look.
  expect((await filesBelow(storage, out)).filter((path) => !path.startsWith("_shardmill/"))).toEqual([]);
  const resumed = await runCli(run(slow, "--json"), { env: envOf(slow), limitMs: 120_000 });
  expect(resumed).toMatchObject({ code: 0 });
  const attempts = before.granted + SHARDS - before.committed.length;
  expect(JSON.parse(resumed.stdout)).toMatchObject({ state: "published", attempts });
  await expectPublished(slow);
}, 240_000);

test("somebody's files are refused before work, and --fresh replaces an output of ours", async () => {
  const theirs = below(out, "notes.txt");
  await storage.put(theirs, sourceOfBytes("mine"));
  const refused = await runCli(run(job), { env: envOf(job) });
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("OUTPUT_OCCUPIED");
  await storage.remove(theirs);
  expect(await runCli(run(job), { env: envOf(job) })).toMatchObject({ code: 0 });
  await job.writeSpec({ output: { path: out }, map: { keep: ["id"] }, reduce: {} });
  const other = await runCli(run(job), { env: envOf(job) });
  expect(other.stderr).toMatch(/holds the result of another job/);
  await job.writeSpec({ output: { path: out } });
  expect(await runCli(run(job, "--fresh"), { env: envOf(job) })).toMatchObject({ code: 0 });
  await expectPublished(job);
}, 120_000);

test("a bucket that is not there, and one that may not be written to, are said before work", async () => {
  await job.writeSpec({ output: { path: "s3://no-such-bucket/out" } });
  const missing = await runCli(["plan", job.path, "--no-estimate"], { env: envOf(job) });
  expect(missing).toMatchObject({ code: 1 });
  expect(missing.stderr).toMatch(/s3:\/\/no-such-bucket/);
  await job.writeSpec({ output: { path: out } });
  const wrong = { ...envOf(job), AWS_SECRET_ACCESS_KEY: "hunter2hunter2" };
  const refused = await runCli(run(job), { env: wrong });
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toContain("SignatureDoesNotMatch");
  expect(refused.stderr).not.toContain("hunter2");
}, 120_000);

test("two coordinators on two machines, one of them killed and started again, publish once", async () => {
  const [here, there] = ["here", "there"].map((name) => ({
    ...envOf(job),
    SHARDMILL_STATE: join(stateOf(job), name),
  }));
  const args = run(job, "--json");
  await using first = startCli(args, { env: here ?? {}, limitMs: 120_000 });
  await using second = startCli(args, { env: there ?? {}, limitMs: 120_000 });
  await untilCommittedIn(join(stateOf(job), "here"), 0);
  first.killGroup("SIGKILL");
  await first.ended;
  await using third = startCli(args, { env: here ?? {}, limitMs: 120_000 });
  for (const each of [second, third]) {
    const { code, stdout } = await each.ended;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ state: "published", output: out });
  }
  await download(storage, out, job.out);
  await expectRightAnswer(job);
  for (const name of ["here", "there"]) expect(await workFolders(join(stateOf(job), name))).toEqual([]);
}, 240_000);

test("answers that are lost, doubled, late or refused change nothing", async () => {
  const random = lcg(5);
  const faults = ["busy", "lost", "twice", "late"] as const;
  await using proxy = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), () => {
    return random() < 0.2 ? (faults[Math.floor(random() * faults.length)] ?? null) : null;
  });
  const env = { ...envOf(job), AWS_ENDPOINT_URL: proxy.endpoint };
  const { code, stderr } = await runCli(run(job), { env, limitMs: 120_000 });
  expect({ code, stderr }).toMatchObject({ code: 0 });
  for (const fault of faults) expect(proxy.struck.get(fault)).toBeGreaterThan(0);
  await expectPublished(job);
}, 240_000);

/** The policies of the documentation as they stand there: of the coordinator, of a worker. */
async function documentedStatements(): Promise<readonly (readonly object[])[]> {
  const page = await readFile(join(packageRoot, "docs", "job-file.md"), "utf8");
  const [, section = ""] = /## Output in a bucket\n(.*?)\n## /s.exec(page) ?? [];
  return [...section.matchAll(/```json\n(.*?)```/gs)].map(([, text = ""]) => JSON.parse(text).Statement);
}

test("the documented rights are enough for coordinator and worker, and a worker's for nothing else", async () => {
  await server.makeOwnedBucket("results");
  const daily = parseLocation("s3://results/daily");
  const [coordinatorRights = [], workerRights = []] = await documentedStatements();
  const [leader, helper] = [await server.addUser("leader"), await server.addUser("helper")];
  const granted = (rights: readonly object[], { accessKeyId }: typeof leader) =>
    rights.map((statement) => ({ ...statement, Principal: { AWS: [accessKeyId] } }));
  await server.allow("results", [...granted(coordinatorRights, leader), ...granted(workerRights, helper)]);
  await job.writeSpec({ output: { path: daily } });
  const keysOf = ({ accessKeyId, secretAccessKey }: typeof leader) => ({
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
  });
  const args = ["coordinator", job.path, "--listen", "127.0.0.1:0", "--log-level", "warn"];
  const { cli, address } = await startListening(job, args, { env: { ...envOf(job), ...keysOf(leader) } });
  await using coordinator = cli;
  // What it may not put itself would not go by way of the coordinator.
  const workerEnv = { ...server.env, ...keysOf(helper) };
  await using worker = startWorker(job, address, ["--data", "shared"], { env: workerEnv });
  expect(await coordinator.ended).toMatchObject({ code: 0 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  await download(storage, daily, job.out);
  await expectRightAnswer(job);
  await using helpers = server.storage(helper);
  const refused = { code: "STORE_REFUSED" };
  const rows = below(daily, "rows", "part-00000.parquet");
  await expect(helpers.put(below(daily, "rows", "more"), sourceOfBytes("x"))).rejects.toMatchObject(refused);
  await expect(helpers.read(rows, 0, 1)).rejects.toMatchObject(refused);
  await expect(helpers.remove(rows)).rejects.toMatchObject(refused);
}, 240_000);
