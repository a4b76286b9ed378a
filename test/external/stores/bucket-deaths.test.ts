import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { type Location, parseLocation } from "../../../shared/domain/location.ts";
import type { Storage } from "../../../shared/storage/storage.ts";
import { download, filesBelow, workFolders } from "../../support/bucket-output.ts";
import { type FaultyProxy, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { type CliProcess, runCli, startCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/**
 * A whole job, coordinator and workers, is killed at a request of each kind to a real server. The request is
 * not done yet, or it is done and its answer is lost. The same command ends the job.
 */

interface Strike {
  readonly request: RegExp;
  /** Number of the request within its kind. */
  count: number;
  readonly isDone: boolean;
  readonly process: () => CliProcess | null;
}

let server: S3Server;
let proxy: FaultyProxy;
let storage: Storage;
let job: KnownJob;
let out: Location;
let count = 0;
let strike: Strike | null = null;
beforeAll(async () => {
  server = await startS3Server();
  await server.makeBucket("bucket");
  storage = server.storage();
  job = await KnownJob.make({ rows: 1_200, spec: { input: { shardRows: 200 } } });
  proxy = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), (method, path) => {
    if (strike === null || !strike.request.test(`${method} ${path}`)) return null;
    strike.count -= 1;
    if (strike.count > 0) return null;
    const { process, isDone } = strike;
    strike = null;
    process()?.killGroup("SIGKILL");
    return isDone ? "lost" : "cut";
  });
});
beforeEach(async () => {
  count += 1;
  out = parseLocation(`s3://bucket/out-${count}`);
  await job.writeSpec({ output: { path: out } });
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await Promise.all([proxy, job].map((each) => each[Symbol.asyncDispose]()));
  await server[Symbol.asyncDispose]();
});

const state = () => join(job.folder, `state-${count}`);
const env = () => ({
  ...job.env,
  ...server.env,
  AWS_ENDPOINT_URL: proxy.endpoint,
  SHARDMILL_STATE: state(),
});
const RUN = { limitMs: 300_000 };

/** Expects the right answer, and no work files. */
async function expectPublished(): Promise<void> {
  await download(storage, out, job.out);
  await expectRightAnswer(job);
  expect((await filesBelow(storage, out)).filter((path) => path.startsWith("_shardmill/"))).toEqual([]);
  expect(await workFolders(state())).toEqual([]);
}

test.each([
  ["the first listing", /^GET .*list-type/, 1],
  ["the probe", /^PUT .*\/probe-/, 1],
  ["the beacon", /^PUT .*\/beacon/, 1],
  ["a partial", /^PUT .*\/partials\/\d.*rows/, 3],
  ["a commit", /^HEAD .*\/partials\/\d/, 2],
  ["a footer", /^GET .*\/partials\/\d.*rows/, 4],
  ["a table that SQL reads", /^GET .*\/partials\/\d.*combined/, 2],
  ["the stage", /^PUT .*\/stage\/.*_manifest/, 1],
  ["the intent", /^PUT .*\/publishing\.json/, 1],
  ["a copy", /^PUT .*\/rows\/part-/, 2],
  ["the check of a copy", /^HEAD .*\/rows\/part-/, 2],
  ["the manifest", /^PUT [^?]*out-\d+\/_manifest\.json/, 1],
  ["a removal", /^POST .*\?delete|^DELETE .*\/_shardmill\/run-/, 1],
  ["the removal of the intent", /^DELETE .*\/publishing\.json/, 1],
] as const)(
  "a job that is killed at %s is finished once by the same command",
  async (_what, request, nth) => {
    for (const isDone of [false, true]) {
      let running: CliProcess | null = null;
      strike = { request, count: nth, isDone, process: () => running };
      await using killed = startCli(["run", job.path, "--workers", "1"], { env: env(), ...RUN });
      running = killed;
      expect(await killed.ended).toMatchObject({ signal: "SIGKILL" });
      expect(strike).toBeNull();
      const again = await runCli(["run", job.path, "--workers", "1", "--json"], { env: env(), ...RUN });
      expect(again).toMatchObject({ code: 0 });
      expect(JSON.parse(again.stdout)).toMatchObject({ state: "published", output: out });
      await expectPublished();
      await storage.remove(out, NEVER);
    }
  },
  300_000,
);
