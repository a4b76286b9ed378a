import { appendFile, readdir, readFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { TriggerState } from "../../extensions/serve/trigger/trigger-state.ts";
import { SeededRandom } from "../../sim/seeded-random.ts";
import { JobFolder, numberedRows } from "../support/job-folder.ts";
import { until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { runCli, startCli } from "../support/processes.ts";

/** `shardmill serve` as real processes. */

/** Limit for several real processes in turn, on a slow machine. */
const LIMIT_MS = 900_000;

const serve = (job: JobFolder, ...more: string[]) =>
  startCli(["serve", job.job, "--workers", "1", "--listen", "127.0.0.1:0", ...more], { limitMs: LIMIT_MS });

interface Facts {
  readonly runs: readonly { readonly id: string; readonly state: string; readonly why: string | null }[];
  readonly next: readonly { readonly id: string }[];
}

async function runsOf(job: JobFolder): Promise<Facts> {
  const { code, stdout, stderr } = await runCli(["runs", job.job, "--last", "10000", "--json"]);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as Facts;
}

/** Returns the folders with a manifest, in order. */
async function publishedIn(job: JobFolder): Promise<string[]> {
  const names = (await readdir(job.out).catch(() => [])).filter((name) => name.startsWith("run=")).sort();
  const published = await Promise.all(
    names.map((name) =>
      readFile(join(job.out, name, "_manifest.json")).then(
        () => [name.slice("run=".length)],
        () => [],
      ),
    ),
  );
  return published.flat();
}

async function ledgerOf(job: JobFolder): Promise<{ state: TriggerState }> {
  return JSON.parse(await readFile(join(job.out, "_trigger", "ledger.json"), "utf8"));
}

const msOf = (id: string) =>
  Date.parse(id.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, "$1-$2-$3T$4:$5:$6Z"));

test("a repeatedly killed process runs every time of its schedule exactly once", {
  timeout: LIMIT_MS,
}, async () => {
  const trigger = { every: "10s", catchUp: "all", overlap: "queue" };
  await using job = await JobFolder.make({ files: 1, rowsPerFile: 20, groupRows: 10, spec: { trigger } });
  const random = new SeededRandom(11);
  for (let kills = 0; kills < 4; kills += 1) {
    await using process = serve(job);
    await process.saw(/serving 1 job/);
    const before = (await publishedIn(job)).length;
    await until("run", async () => ((await publishedIn(job)).length > before ? true : null), LIMIT_MS);
    await new Promise((resolve) => setTimeout(resolve, random.int(0, 3_000)));
    process.killGroup("SIGKILL");
    await process.ended.catch(() => {});
  }
  // With another schedule nothing new is due. The waiting runs still run.
  await job.writeJob({ trigger: { ...trigger, every: "366d" } });
  await using last = serve(job);
  await until(
    "end of what waits",
    async () => ((await ledgerOf(job)).state.waiting.length === 0 ? true : null),
    LIMIT_MS,
  );
  last.kill("SIGTERM");
  await last.ended;

  const published = await publishedIn(job);
  const [first, end] = [msOf(published[0] ?? ""), msOf(published.at(-1) ?? "")];
  const expected = Array.from({ length: (end - first) / 10_000 + 1 }, (_, index) => first + index * 10_000);
  expect(published.map(msOf)).toEqual(expected);
  const rows = `read_parquet('${job.out}/run=*/rows/*.parquet', hive_partitioning = true)`;
  const counts = await query(
    `SELECT run, count(*)::INT, count(DISTINCT id)::INT FROM ${rows} GROUP BY run ORDER BY run`,
  );
  expect(counts).toEqual(published.map((id) => [id, 20, 20]));
  const { runs } = await runsOf(job);
  expect(runs.filter(({ state }) => state === "published").map(({ id }) => id)).toEqual(published);
});

test("a file that is still being written is read when it is complete, and each file once", {
  timeout: LIMIT_MS,
}, async () => {
  const spec = { input: { path: "./data" }, trigger: { files: "new", every: "1s", quiet: "5s" } };
  await using job = await JobFolder.make({ files: 1, rowsPerFile: 10, spec });
  const whole = await readFile(await job.writeData("slow.parquet", numberedRows(10, 10)));
  await using process = serve(job);
  await until("first run", async () => ((await publishedIn(job)).length > 0 ? true : null), LIMIT_MS);

  // Never quiet for five seconds, even byte by byte.
  const slow = job.at("data/part-1.parquet");
  for (let part = 0; part < 6; part += 1) {
    const size = Math.ceil(whole.length / 6);
    await appendFile(slow, whole.subarray(part * size, (part + 1) * size));
    await new Promise((resolve) => setTimeout(resolve, 2_000));
  }
  await until("second run", async () => ((await publishedIn(job)).length > 1 ? true : null), LIMIT_MS);
  expect(await publishedIn(job)).toEqual(["000001", "000002"]);

  process.killGroup("SIGKILL");
  await process.ended.catch(() => {});
  await rename(await job.writeData("third.parquet", numberedRows(20, 10)), job.at("data/part-2.parquet"));
  await using again = serve(job);
  await until("third run", async () => ((await publishedIn(job)).length > 2 ? true : null), LIMIT_MS);
  again.kill("SIGTERM");
  expect((await again.ended).code).toBe(130);
  const rows = `read_parquet('${job.out}/run=*/rows/*.parquet', hive_partitioning = true)`;
  expect(
    await query(`SELECT run::INT, min(id)::INT, count(*)::INT FROM ${rows} GROUP BY run ORDER BY run`),
  ).toEqual([
    [1, 0, 10],
    [2, 10, 10],
    [3, 20, 10],
  ]);
});

test("a second process is refused with LEDGER_LOCKED, and a broken job does not stop another job", {
  timeout: LIMIT_MS,
}, async () => {
  await using job = await JobFolder.make({ files: 1, rowsPerFile: 10, spec: { trigger: { every: "2s" } } });
  await using broken = await JobFolder.make({
    files: 1,
    rowsPerFile: 10,
    spec: { trigger: { every: "2x" } },
  });
  const files = [job.job, broken.job];
  const options = ["--workers", "1", "--listen", "127.0.0.1:0"];
  const checked = await runCli(["serve", ...files, "--check"]);
  expect(checked.code).toBe(2);
  expect(checked.stderr).toContain("trigger.every");
  expect(checked.stdout).toContain(job.job);

  await using first = startCli(["serve", ...files, ...options], { limitMs: LIMIT_MS });
  await first.saw(/serving 2 jobs/);
  await until("run", async () => ((await publishedIn(job)).length > 0 ? true : null), LIMIT_MS);
  const second = await runCli(["serve", job.job, ...options]);
  expect(second.code).toBe(1);
  expect(second.stderr).toContain("LEDGER_LOCKED");

  // The repaired job is served without a restart.
  await broken.writeJob({ trigger: { every: "2s" } });
  await until(
    "run of the repaired job",
    async () => ((await publishedIn(broken)).length > 0 ? true : null),
    LIMIT_MS,
  );
  first.kill("SIGTERM");
  await first.ended;
});
