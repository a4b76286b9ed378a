import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { until, untilCommitted } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs over folders of files that run again: after a kill, and by a trigger. */

const FILES = 120;
const LIMIT_MS = 600_000;

const contentOf = (at: number) => `content ${at} ${"é".repeat(at)}`;
const nameOf = (at: number) => `part=${at % 3}/${String(at).padStart(4, "0")}.bin`;
const digestOf = (at: number) => createHash("sha256").update(contentOf(at)).digest("hex");
const expected = (count: number) =>
  Array.from({ length: count }, (_, at) => [nameOf(at), digestOf(at)]).toSorted(([a = ""], [b = ""]) =>
    a < b ? -1 : 1,
  );

const digests = (job: JobFolder, pattern: string) =>
  query(`SELECT path, digest FROM read_parquet('${job.out}/${pattern}') ORDER BY path`);

/** Makes a job without a model, which writes the digest of each file. */
async function digestJob(spec: object, prepare: readonly object[] = []): Promise<JobFolder> {
  const sql = "SELECT path, sha256(content) AS digest FROM rows";
  const job = await JobFolder.make({ files: 0 });
  const input = { path: "./files", format: "files", shardRows: 5 };
  const map = { prepare: [...prepare, { sql }] };
  await job.writeJob({ input, model: undefined, map, reduce: undefined, ...spec });
  return job;
}

needs("code")("a killed job over files resumes, and each file is a row once", async () => {
  await using job = await digestJob({}, [{ module: "./slow.ts" }]);
  for (let at = 0; at < FILES; at += 1) await job.write(`files/${nameOf(at)}`, contentOf(at));
  await job.write(
    "slow.ts",
    `import { defineStep } from "shardmill";
     export default defineStep({
       reads: { path: "string" },
       columns: { slow: "bool" },
       async row() {
         await new Promise((resolve) => setTimeout(resolve, 200));
         return { slow: true };
       },
     });`,
  );
  const started = startCli(["run", job.job, "--workers", "1"], { limitMs: LIMIT_MS });
  const before = await untilCommitted(job, 3);
  started.killGroup("SIGKILL");
  await started.ended.catch(() => {});
  expect(before.committed.length).toBeLessThan(before.shards);
  const resumed = await runCli(["run", job.job, "--workers", "1", "--json"], { limitMs: LIMIT_MS });
  expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
  expect(await digests(job, "rows/*.parquet")).toEqual(expected(FILES));
  const { attempts, shards } = JSON.parse(resumed.stdout);
  expect(attempts).toBeLessThan(before.granted + shards);
});

test("a trigger runs over new files of any kind, and each file is a row once", async () => {
  const trigger = { files: "new", every: "1s", quiet: "3s" };
  await using job = await digestJob({ trigger });
  await job.write(`files/${nameOf(0)}`, contentOf(0));
  await using serving = startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0"], {
    limitMs: LIMIT_MS,
  });
  const rowsAre = (count: number) =>
    until(`${count} rows`, async () => {
      const rows = await digests(job, "run=*/rows/*.parquet").catch(() => []);
      return rows.length >= count ? rows : null;
    });
  await rowsAre(1);
  for (let at = 1; at < 7; at += 1) await job.write(`files/${nameOf(at)}`, contentOf(at));
  expect(await rowsAre(7)).toEqual(expected(7));
  serving.kill("SIGTERM");
  expect(await serving.ended).toMatchObject({ code: 130 });
});
