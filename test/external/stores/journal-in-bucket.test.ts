import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { childrenOf } from "../../../fault/left-processes.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { recordsInBucket, untilCommittedInBucket } from "../../support/bucket-journal.ts";
import { download, filesBelow, workFolders } from "../../support/bucket-output.ts";
import { startFaultyProxy } from "../../support/faulty-proxy.ts";
import { SHARDS, slowJob } from "../../support/interrupted-job.ts";
import { digestsOf } from "../../support/job-processes.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { lcg } from "../../support/onnx-model.ts";
import { WITHOUT_ESTIMATE } from "../../support/plan-options.ts";
import { runCli, startCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** Whole jobs with their journal in a real server's bucket. Their coordinators share only the bucket. */

let server: S3Server;
let storage: Storage;
let job: KnownJob;
/** A job of several seconds, so that it can be interrupted. */
let slow: KnownJob;
let out: Location;
let count = 0;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("bucket");
  storage = server.storage();
  job = await KnownJob.make({ rows: 3_000 });
  slow = await slowJob();
});
beforeEach(async () => {
  count += 1;
  out = parseLocation(`s3://bucket/results/out-${count}`);
  for (const each of [job, slow])
    await each.writeSpec({ output: { path: out }, work: { journal: "bucket" } });
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  const all = [job, slow, server];
  await Promise.all(all.map((each) => each[Symbol.asyncDispose]()));
});

const stateOf = (of: KnownJob, machine: string) => join(of.folder, `state-${count}-${machine}`);
/** Returns the environment of a machine. Only its own coordinators find the files on its disk. */
const on = (of: KnownJob, machine: string) => ({
  env: { ...of.env, ...server.env, SHARDMILL_STATE: stateOf(of, machine) },
  limitMs: 180_000,
});
const run = (of: KnownJob, ...args: string[]) => ["run", of.path, "--workers", "1", ...args];

async function expectPublished(of: KnownJob): Promise<void> {
  await download(storage, out, of.out);
  await expectRightAnswer(of);
  expect((await filesBelow(storage, out)).filter((path) => path.startsWith("_shardmill/"))).toEqual([]);
}

async function lastGeneration(): Promise<number> {
  const records = await recordsInBucket(storage, out);
  return records.filter((record) => record.kind === "generationStarted").length;
}

test("a journal in the bucket gives the same output as a journal on a disk, and leaves no work files", async () => {
  await job.writeSpec({ output: { path: out } });
  const shorthand = run(job, "--set", "work=bucket");
  await using first = startCli(shorthand, on(job, "a"));
  await untilCommittedInBucket(storage, out, 0);
  expect(await first.ended).toMatchObject({ code: 0 });
  await expectPublished(job);
  expect(await workFolders(stateOf(job, "a"))).toEqual([]);
  const { "_manifest.json": _one, ...shared } = await digestsOf(job.out);
  const again = await runCli(run(job, "--json"), on(job, "b"));
  expect(again).toMatchObject({ code: 0 });
  expect(JSON.parse(again.stdout)).toMatchObject({ state: "published", output: out });
  await job.writeSpec({ output: { path: "./on-disk" } });
  expect(await runCli(run(job), on(job, "a"))).toMatchObject({ code: 0 });
  const { "_manifest.json": _two, ...onDisk } = await digestsOf(job.at("on-disk"));
  expect(shared).toEqual(onDisk);
});

test("the job of a killed coordinator is resumed on another machine without rerunning committed shards", async () => {
  await using killed = startCli(run(slow), on(slow, "a"));
  await untilCommittedInBucket(storage, out, 3);
  killed.killGroup("SIGKILL");
  await killed.ended;
  const before = await untilCommittedInBucket(storage, out, 3);
  expect(before.committed.length).toBeLessThan(SHARDS);
  const resumed = await runCli(run(slow, "--json"), on(slow, "b"));
  expect(resumed).toMatchObject({ code: 0 });
  const attempts = before.granted + SHARDS - before.committed.length;
  expect(JSON.parse(resumed.stdout)).toMatchObject({ state: "published", attempts });
  await expectPublished(slow);
  expect(await workFolders(stateOf(slow, "b"))).toEqual([]);
});

test("the job of a coordinator that received SIGTERM is resumed without waiting", async () => {
  await using stopped = startCli(run(slow), on(slow, "a"));
  await untilCommittedInBucket(storage, out, 1);
  stopped.child.kill("SIGTERM");
  await stopped.ended;
  const resumed = await runCli(run(slow), on(slow, "b"));
  expect(resumed).toMatchObject({ code: 0 });
  expect(resumed.stderr).not.toContain("waiting");
  await expectPublished(slow);
});

test("a second coordinator is refused while the first one runs, also with --fresh", async () => {
  await using first = startCli(run(slow, "--json"), on(slow, "a"));
  await untilCommittedInBucket(storage, out, 1);
  // On any machine, the job does not end while its worker is stopped.
  const workers = await childrenOf(first.pid);
  for (const pid of workers) process.kill(pid, "SIGSTOP");
  const refused = [[], ["--fresh"]].map(async (more, at) => {
    const second = await runCli(run(slow, ...more), on(slow, `b${at}`));
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toMatch(/process \d+ on .* is at work on this output.*OUTPUT_LOCKED/s);
  });
  await Promise.all(refused);
  for (const pid of workers) process.kill(pid, "SIGCONT");
  expect(await first.ended).toMatchObject({ code: 0 });
  await expectPublished(slow);
});

test("a suspended coordinator that continues after a takeover reports it and changes nothing", async () => {
  await using first = startCli(run(slow), on(slow, "a"));
  await untilCommittedInBucket(storage, out, 2);
  first.child.kill("SIGSTOP");
  await using second = startCli(run(slow, "--json"), on(slow, "b"));
  while ((await lastGeneration()) < 2) await new Promise((resolve) => setTimeout(resolve, 500));
  first.child.kill("SIGCONT");
  const lost = await first.ended;
  expect(lost).toMatchObject({ code: 1 });
  expect(lost.stderr).toMatch(/another coordinator has taken over the job.*OUTPUT_LOCKED/s);
  expect(await second.ended).toMatchObject({ code: 0 });
  await expectPublished(slow);
});

test("lost, duplicated, late and refused responses do not change the output", async () => {
  const random = lcg(7);
  const faults = ["busy", "lost", "twice", "late"] as const;
  await using proxy = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), () => {
    return random() < 0.2 ? (faults[Math.floor(random() * faults.length)] ?? null) : null;
  });
  const { env, limitMs } = on(job, "a");
  const ended = await runCli(run(job), { env: { ...env, AWS_ENDPOINT_URL: proxy.endpoint }, limitMs });
  expect(ended).toMatchObject({ code: 0 });
  for (const fault of faults) expect(proxy.struck.get(fault)).toBeGreaterThan(0);
  await expectPublished(job);
});

test("--fresh discards the work of another machine, and starts the job again", async () => {
  await using killed = startCli(run(slow), on(slow, "a"));
  await untilCommittedInBucket(storage, out, 2);
  killed.killGroup("SIGKILL");
  await killed.ended;
  const resumed = await runCli(run(slow, "--json", "--fresh"), on(slow, "b"));
  expect(resumed).toMatchObject({ code: 0 });
  expect(JSON.parse(resumed.stdout)).toMatchObject({ attempts: SHARDS });
  await expectPublished(slow);
});

test("a run over new files that one machine began is finished on another", async () => {
  await slow.writeSpec({
    input: { path: "./data", new: true },
    output: { path: out },
    work: { journal: "bucket" },
  });
  const first = parseLocation(`${out}/run=000001`);
  await using killed = startCli(run(slow), on(slow, "a"));
  const before = await untilCommittedInBucket(storage, first, 2);
  killed.killGroup("SIGKILL");
  await killed.ended;
  const planned = await runCli(["plan", slow.path, ...WITHOUT_ESTIMATE, "--json"], on(slow, "b"));
  expect(JSON.parse(planned.stdout)).toMatchObject({ output: first, newInput: { run: 1 } });
  const resumed = await runCli(run(slow, "--json"), on(slow, "b"));
  expect(resumed).toMatchObject({ code: 0 });
  expect(JSON.parse(resumed.stdout).attempts).toBeLessThan(before.granted + SHARDS);
  const nothing = await runCli(run(slow, "--json"), on(slow, "a"));
  expect(JSON.parse(nothing.stdout)).toMatchObject({ state: "nothingNew" });
  const left = (await filesBelow(storage, out)).filter((path) => path.includes("_shardmill"));
  expect(left).toEqual([]);
});

test("a journal in a bucket is refused for an output on a disk", async () => {
  await job.writeSpec({ output: { path: "./on-disk" }, work: { journal: "bucket" } });
  const refused = await runCli(run(job), on(job, "a"));
  expect(refused).toMatchObject({ code: 2 });
  expect(refused.stderr).toContain("is for output in a bucket");
});
