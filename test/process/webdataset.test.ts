import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, expect } from "vitest";
import { tarBytes } from "../extensions/webdataset/tar-bytes.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";
import { refused } from "../support/refusals.ts";

/** Jobs over tars, from the command to the published output. */

const ROWS = 40;
/** More than a stretch of an index, so that a tar is split. */
const PICTURE_BYTES = 200 << 10;

const stemOf = (row: number) => `train/${String(row).padStart(4, "0")}`;
const tarOf = (start: number, end: number) =>
  tarBytes(
    Array.from({ length: end - start }, (_, at) => start + at).flatMap((row) => [
      { name: `${stemOf(row)}.JPG`, content: Buffer.alloc(PICTURE_BYTES, row) },
      { name: `${stemOf(row)}.cls`, content: `${row % 7}\n` },
    ]),
  );

let job: JobFolder;
beforeEach(async () => {
  job = await JobFolder.make({ files: 0 });
  await job.writeJob({
    model: undefined,
    input: { path: "./data", shardRows: 10 },
    map: {
      prepare: [{ sql: "SELECT __key__, cls, octet_length(jpg) AS bytes FROM rows" }],
      keep: ["__key__", "cls", "bytes"],
    },
    reduce: {},
  });
});
afterEach(() => job[Symbol.asyncDispose]());

needs("webdataset")("plain tars are split into shards, and all rows are published once", async () => {
  await job.write("data/a.tar", tarOf(0, 30));
  await job.write("data/b.tar.gz", gzipSync(tarOf(30, ROWS)));
  const { code, stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).shards).toBeGreaterThan(2);
  const rows = await query(`SELECT __key__, cls, bytes FROM '${job.out}/rows/*.parquet' ORDER BY ALL`);
  const expected = Array.from({ length: ROWS }, (_, row) => [stemOf(row), row % 7, PICTURE_BYTES]);
  expect(rows.map(([key, cls, bytes]) => [key, Number(cls), Number(bytes)])).toEqual(expected);
});

needs("webdataset").each([
  { name: "truncated", content: tarOf(0, 1).subarray(0, 5_000), place: "tar at byte 0" },
  { name: "without bytes", content: Buffer.alloc(0), place: "tar at byte 0" },
  { name: "without members", content: tarBytes([]), place: "members" },
])("a tar $name is refused by name and place", async ({ content, place }) => {
  await job.write("data/a.tar", content);
  const { code, error } = await refused(job);
  expect([code, error.code, error.fields.path]).toEqual([1, "INPUT_CORRUPT", job.at("data/a.tar")]);
  expect(error.problems).toEqual([expect.objectContaining({ what: `corrupt in its ${place}` })]);
});
