import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { AwsCredentials } from "../../../extensions/aws/credentials.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { download, untilCommittedIn, workFolders } from "../../support/bucket-output.ts";
import { type FaultyProxy, type ProxyFault, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { SHARDS, slowJob } from "../../support/interrupted-job.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import type { KnownJob } from "../../support/known-job.ts";
import { runCli, startCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";
import { canMount, SmallDisk } from "../../support/small-disk.ts";

/** Faults of a store, or near it, in the middle of a whole job. */

let server: S3Server;
let proxy: FaultyProxy;
let storage: Storage;
let user: AwsCredentials;
let job: KnownJob;
let out: Location;
let count = 0;
let faultOf: (method: string, path: string) => ProxyFault | null = () => null;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeOwnedBucket("bucket");
  storage = server.storage();
  user = await server.addUser("worker-and-all");
  job = await slowJob();
  proxy = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), (method, path) =>
    faultOf(method, path),
  );
});
beforeEach(async () => {
  count += 1;
  faultOf = () => null;
  out = parseLocation(`s3://bucket/out-${count}`);
  await job.writeSpec({ output: { path: out } });
  await allow("s3:GetObject", "s3:PutObject", "s3:DeleteObject");
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([proxy, job].map((each) => each[Symbol.asyncDispose]()));
  await server[Symbol.asyncDispose]();
});

/** Permits the job's user some actions on objects, and listing. */
function allow(...actions: readonly string[]): Promise<void> {
  const granted = { Effect: "Allow", Principal: { AWS: [user.accessKeyId] } };
  return server.allow("bucket", [
    { ...granted, Action: ["s3:ListBucket"], Resource: "arn:aws:s3:::bucket" },
    { ...granted, Action: actions, Resource: "arn:aws:s3:::bucket/*" },
  ]);
}

const state = () => join(job.folder, `state-${count}`);
const env = () => ({
  ...job.env,
  ...server.env,
  AWS_ENDPOINT_URL: proxy.endpoint,
  AWS_ACCESS_KEY_ID: user.accessKeyId,
  AWS_SECRET_ACCESS_KEY: user.secretAccessKey,
  SHARDMILL_STATE: state(),
});
const args = () => ["run", job.path, "--workers", "1", "--json"];
const LIMIT = { limitMs: 150_000 };

async function expectPublished(stdout: string): Promise<void> {
  expect(JSON.parse(stdout)).toMatchObject({ state: "published", output: out });
  await download(storage, out, job.out);
  await expectRightAnswer(job);
  expect(await workFolders(state())).toEqual([]);
}

/** Returns a fault for all requests within a time, from the first on. */
function forSeconds(fault: ProxyFault, seconds: number): typeof faultOf {
  const endMs = performance.now() + seconds * 1_000;
  return () => (performance.now() < endMs ? fault : null);
}

test.each([
  ["status 503 for every request for 4 seconds", () => forSeconds("busy", 4)],
  ["broken connections for 4 seconds", () => forSeconds("cut", 4)],
  [
    // Not every third, because a repeated copy is three requests, and the last one would always break.
    "every fourth connection broken until the end",
    () => {
      let requests = 0;
      return () => (++requests % 4 === 0 ? "cut" : null);
    },
  ],
  [
    "a request without a response",
    () => {
      let isSilent = false;
      return (method) => {
        if (isSilent || method !== "HEAD") return null;
        isSilent = true;
        return "silent";
      };
    },
  ],
] satisfies readonly (readonly [string, () => typeof faultOf])[])(
  "a job publishes the right result despite %s",
  async (_what, begin) => {
    await using running = startCli(args(), { env: env(), ...LIMIT });
    await untilCommittedIn(state(), 3);
    const before = [...proxy.struck.values()].reduce((sum, times) => sum + times, 0);
    faultOf = begin();
    const { code, stdout, stderr } = await running.ended;
    expect(code, stderr).toBe(0);
    expect([...proxy.struck.values()].reduce((sum, times) => sum + times, 0)).toBeGreaterThan(before);
    await expectPublished(stdout);
  },
  300_000,
);

test("a job whose keys are refused for ten seconds waits, and continues by itself", async () => {
  await using running = startCli(args(), { env: env(), ...LIMIT });
  await untilCommittedIn(state(), 3);
  await server.setSecret(user, "another-secret");
  // A caller with the old secret proves that the change is in effect.
  await using other = server.storage(user);
  await expect(other.stat(out, NEVER)).rejects.toMatchObject({ code: "STORE_REFUSED" });
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  await server.setSecret(user, user.secretAccessKey);
  const { code, stdout, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  const { attempts, stores } = JSON.parse(stdout);
  expect(attempts).toBe(SHARDS);
  expect(stores[0].retries).toBeGreaterThan(0);
  await expectPublished(stdout);
});

test("expired credentials end a job with a typed error, and valid ones resume it", async () => {
  // Cached credentials stay in use for a while.
  await using running = startCli(args(), { env: env(), limitMs: 400_000 });
  await untilCommittedIn(state(), 3);
  faultOf = () => "expired";
  const { code, stderr } = await running.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/SHARD_FAILED|OUTPUT_FAILED/);
  expect(stderr).toMatch(/ExpiredToken/);
  faultOf = () => null;
  const resumed = await runCli(args(), { env: env(), ...LIMIT });
  expect(resumed).toMatchObject({ code: 0 });
  await expectPublished(resumed.stdout);
}, 600_000);

test("a job that loses the right to write ends with a typed error, and resumes with the right", async () => {
  await using running = startCli(args(), { env: env(), ...LIMIT });
  const { committed } = await untilCommittedIn(state(), 3);
  await allow("s3:GetObject", "s3:DeleteObject");
  const { code, stderr } = await running.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(/SHARD_FAILED|OUTPUT_FAILED/);
  expect(stderr).toMatch(/AccessDenied/);
  await allow("s3:GetObject", "s3:PutObject", "s3:DeleteObject");
  const resumed = await runCli(args(), { env: env(), ...LIMIT });
  expect(resumed).toMatchObject({ code: 0 });
  await expectPublished(resumed.stdout);
  expect(committed.length).toBeLessThan(SHARDS);
});

test("a job without the right to read for ten seconds continues by itself", async () => {
  await using running = startCli(args(), { env: env(), ...LIMIT });
  await untilCommittedIn(state(), 3);
  await allow("s3:PutObject", "s3:DeleteObject");
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  await allow("s3:GetObject", "s3:PutObject", "s3:DeleteObject");
  const { code, stdout, stderr } = await running.ended;
  expect(code, stderr).toBe(0);
  await expectPublished(stdout);
});

test.runIf(canMount())(
  "a full disk for the journal ends the job with a typed error, and more space lets it resume",
  async () => {
    const disk = await SmallDisk.mount(state(), 48);
    try {
      const full = await runCli(args(), { env: env(), ...LIMIT });
      expect(full.code).toBe(1);
      expect(full.stderr).toMatch(/JOURNAL_FAILED|OUTPUT_FAILED|TEMP_FAILED/);
      disk.resize(100_000);
      const resumed = await runCli(args(), { env: env(), ...LIMIT });
      expect(resumed).toMatchObject({ code: 0 });
      await expectPublished(resumed.stdout);
    } finally {
      await disk[Symbol.asyncDispose]();
    }
  },
  300_000,
);
