import { afterAll, beforeAll, expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { below } from "../../../shared/domain/location.ts";
import { sourceOfBytes } from "../../../shared/storage/put-source.ts";
import { type BucketServer, startS3Bucket } from "../../support/bucket-server.ts";
import {
  classOf,
  expectLargest,
  expectMeans,
  PICTURE_PATHS,
  PICTURES,
  pictureJob,
  SOUNDS,
  soundRowsJob,
} from "../../support/file-rows.ts";
import { imageFile } from "../../support/image-files.ts";
import { query } from "../../support/known-answer.ts";
import { runCli, startCli } from "../../support/processes.ts";
import { soundFile } from "../../support/sound-files.ts";

/** Jobs over objects of a real server, each of which is a row. */

let server: BucketServer;
beforeAll(async () => {
  server = await startS3Bucket();
  await using storage = server.storage();
  const put = (key: string, bytes: Uint8Array) =>
    storage.put(below(server.bucket, key), sourceOfBytes(bytes), { signal: NEVER });
  for (const name of PICTURES) await put(`photos/${classOf(name)}/${name}`, imageFile(name));
  for (const name of SOUNDS) await put(`talks/${name}`, soundFile(name));
});
afterAll(() => server[Symbol.asyncDispose]());

test("pictures of a bucket are read as Pillow reads them, with their etags and times", async () => {
  const keep = ["path", "location", "modified", "version"];
  await using job = await pictureJob({ input: { path: `${server.bucket}/photos` }, keep });
  const run = await runCli(["run", job.job, "--workers", "1"], { env: server.env });
  expect(run).toMatchObject({ code: 0 });
  await expectMeans(job, PICTURE_PATHS);
  const kept = await query(
    `SELECT location, version <> '', modified > now() - INTERVAL 1 HOUR
     FROM read_parquet('${job.out}/rows/*.parquet') ORDER BY path`,
  );
  expect(kept).toEqual(PICTURE_PATHS.map((path) => [`${server.bucket}/photos/${path}`, true, true]));
}, 240_000);

test("sounds of a bucket are read as their samples", async () => {
  await using job = await soundRowsJob({ path: `${server.bucket}/talks/*` });
  const run = await runCli(["run", job.job, "--workers", "1"], { env: server.env });
  expect(run).toMatchObject({ code: 0 });
  await expectLargest(job);
}, 240_000);

test("an object that was replaced or removed since the plan is a dead letter", async () => {
  await using storage = server.storage();
  const [one = "", two = "", ...rest] = PICTURES.toSorted();
  const names = [one, two, ...rest].slice(0, 4);
  const place = (name: string) => below(server.bucket, "changing", name);
  const put = (name: string, bytes: Uint8Array) =>
    storage.put(place(name), sourceOfBytes(bytes), { signal: NEVER });
  for (const name of names) await put(name, imageFile(name));
  await using job = await pictureJob({ input: { path: `${server.bucket}/changing/*.*` }, maxRows: 2 });
  const args = ["coordinator", job.job, "--listen", "127.0.0.1:0", "--log-level", "warn"];
  await using coordinator = startCli(args, { limitMs: 240_000, env: server.env });
  const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
  await put(one, Buffer.from("another"));
  await storage.remove(place(two), NEVER);
  await using worker = startCli(["worker", "--coordinator", address, "--device", "cpu", "--workers", "1"], {
    limitMs: 240_000,
    env: server.env,
  });
  expect(await coordinator.ended).toMatchObject({ code: 3 });
  expect(await worker.ended).toMatchObject({ code: 0 });
  const dead = await query(
    `SELECT file, code, message FROM read_parquet('${job.out}/_errors/*.pq') ORDER BY file`,
  );
  expect(dead).toEqual([
    [place(one), "ROW_UNREADABLE", expect.stringContaining("changed since the job was planned")],
    [place(two), "ROW_UNREADABLE", expect.stringContaining("was removed since the job was planned")],
  ]);
}, 300_000);
