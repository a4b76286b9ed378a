import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { isEnded } from "../../../shared/domain/job.ts";
import { below, parseLocation } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { type FaultyProxy, startFaultyProxy } from "../../support/faulty-proxy.ts";
import { aJobId } from "../../support/ids.ts";
import { ask, startListening, startWorker, until } from "../../support/job-processes.ts";
import { expectRightAnswer } from "../../support/known-answer.ts";
import { KnownJob } from "../../support/known-job.ts";
import { runCli } from "../../support/processes.ts";
import { type S3Server, startS3Server } from "../../support/s3-server.ts";

/** An operator's permissions for buckets of a real store. A proxy counts the requests. */

let server: S3Server;
let job: KnownJob;
let line: FaultyProxy;

beforeAll(async () => {
  server = await startS3Server();
  job = await KnownJob.make({ rows: 1_500, files: 3 });
  line = await startFaultyProxy(server.settings.endpoint ?? new URL("http://none"), () => null);
  for (const bucket of ["corpus", "corpus2"]) {
    await server.makeBucket(bucket);
    for (const name of await readdir(job.at("data"))) {
      const bytes = sourceOfBytes(await readFile(job.at("data", name)));
      await server
        .storage()
        .put(below(parseLocation(`s3://${bucket}`), "in", name), bytes, { signal: NEVER });
    }
  }
});

afterAll(async () => {
  await Promise.all([job, line, server].map((each) => each[Symbol.asyncDispose]()));
});

async function submitToken(): Promise<{ readonly file: string; readonly token: string }> {
  const file = join(job.folder, "tokens");
  const args = ["token", "create", "--tokens-file", file, "--json", "--role", "submit", "--name", "team-a"];
  const { token } = JSON.parse((await runCli(args)).stdout) as { token: string };
  return { file, token };
}

test("jobs of a role open only its allowed bucket folders, and request nothing of others", async () => {
  const { file, token } = await submitToken();
  const env = { ...server.env, AWS_ENDPOINT_URL: line.endpoint };
  const allowed = [job.at(), "s3://corpus/in"].map((place) => `submit=${place}`);
  const { cli, address } = await startListening(
    job,
    [
      ...["coordinator", "--listen", "127.0.0.1:0", "--tokens-file", file],
      ...["--allow-locations", ...allowed],
    ],
    { env },
  );
  await using _coordinator = cli;
  const submit = async (path: string) => {
    await job.writeSpec({ input: { path } });
    return await runCli(["submit", job.path, "--coordinator", address], {
      env: { ...job.env, SHARDMILL_TOKEN: token },
    });
  };
  const before = line.seen.requests;
  // A name with the same prefix, the whole bucket, a glob over it, and a list in an allowed place.
  await job.write("list.txt", "s3://corpus2/in/part-0000.parquet");
  for (const path of ["s3://corpus2/in", "s3://corpus", "s3://corpus/**/*.parquet", "./list.txt"])
    expect(await submit(path), path).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("LOCATION_REFUSED"),
    });
  expect(line.seen.requests).toBe(before);

  const taken = await submit("s3://corpus/in");
  expect(taken).toMatchObject({ code: 0 });
  await using worker = startWorker(job, address, [], { env });
  const ended = await until("the end of the job", async () => {
    const status = await ask(address, ({ jobs }) => jobs.getJob(aJobId(taken.stdout.trim()), NEVER));
    return isEnded(status.phase) ? status : null;
  });
  expect(ended).toMatchObject({ phase: "published" });
  worker.kill("SIGTERM");
  await worker.ended;
  await expectRightAnswer(job);
}, 300_000);

test.each([
  ["another bucket", "s3://corpus2", false],
  ["the job's bucket", "s3://corpus/in", true],
])(
  "a worker that may open %s requests only that from the store, and the rest from the coordinator",
  async (_what, place, asks) => {
    await job.writeSpec({ input: { path: "s3://corpus/in" } });
    const { cli, address } = await startListening(
      job,
      ["coordinator", job.path, "--fresh", "--listen", "127.0.0.1:0", "--log-level", "warn"],
      { env: server.env },
    );
    await using coordinator = cli;
    const before = line.seen.requests;
    const env = { ...server.env, AWS_ENDPOINT_URL: line.endpoint };
    await using worker = startWorker(job, address, ["--allow-locations", place], { env });
    expect(await coordinator.ended).toMatchObject({ code: 0 });
    await worker.ended;
    expect(line.seen.requests > before).toBe(asks);
    await expectRightAnswer(job);
  },
  300_000,
);
