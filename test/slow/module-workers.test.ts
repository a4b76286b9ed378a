import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { keepBundle } from "../../extensions/code/plan/cache-bundle.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { startListening, startWorker } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { KnownJob } from "../support/known-job.ts";
import { runCli } from "../support/processes.ts";

/** Workers, and the code of jobs. */

const before = process.env.SHARDMILL_CACHE;
afterEach(() => {
  if (before === undefined) delete process.env.SHARDMILL_CACHE;
  else process.env.SHARDMILL_CACHE = before;
});

/** Lease shorter than the first row of each shard, which blocks the event loop. */
const LEASE_MS = 1_500;
const STEP = `import { defineStep } from "shardmill";
let isFirst = true;
export default defineStep({
  reads: { id: "int64" },
  columns: { twice: "int64" },
  row({ id }) {
    for (const end = Date.now() + 2_500; isFirst && Date.now() < end; );
    isFirst = false;
    return { twice: id * 2n };
  },
});`;
const SUM = `import { defineReduction } from "shardmill";
async function add(rows: AsyncIterable<{ twice: bigint }>) {
  let sum = 0n;
  for await (const { twice } of rows) sum += twice;
  return [{ twice: sum }];
}
const one = { twice: "int64" } as const;
export default defineReduction({ reads: one, combined: one, columns: one, combine: ({ rows }) => add(rows), final: ({ rows }) => add(rows) });`;

test("a worker runs a job's code only with --allow-modules, and keeps its lease meanwhile", async () => {
  await using job = await KnownJob.make({
    rows: 120,
    rowGroupRows: 60,
    spec: { map: { finish: [{ module: "./step.ts" }] }, reduce: { sum: { module: "./sum.ts" } } },
  });
  await job.write("step.ts", STEP);
  await job.write("sum.ts", SUM);
  const times = ["--lease-ms", String(LEASE_MS), "--heartbeat-ms", "400", "--worker-grace-ms", "2000"];
  const { cli, address } = await startListening(job, [
    ...["coordinator", "--allow-modules", "--listen", "127.0.0.1:0", "--log-level", "error"],
    ...times,
  ]);
  await using coordinator = cli;
  const submit = ["submit", job.path, "--watch", "--json", "--coordinator", address];
  {
    await using closed = startWorker(job, address);
    const refused = await runCli(submit, { ...job, limitMs: 300_000 });
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stdout + refused.stderr).toContain(
      "this worker runs no code of jobs (map.finish[0]) (MODULES_REFUSED)",
    );
    closed.kill("SIGTERM");
    await closed.ended;
  }
  await using open = startWorker(job, address, ["--allow-modules", "--data", "coordinator"]);
  const run = await runCli([...submit, "--fresh"], { ...job, limitMs: 300_000 });
  expect(run).toMatchObject({ code: 0 });
  const { rows, shards, attempts } = JSON.parse(run.stdout);
  expect([rows, attempts]).toEqual([120, shards]);
  const sums = await query(
    `SELECT (SELECT sum(id * 2) FROM '${job.out}/rows/*.parquet')::BIGINT, twice FROM read_parquet('${job.out}/_reduced/sum.pq')`,
  );
  expect(sums).toEqual([[14_280n, 14_280n]]);
  open.kill("SIGTERM");
  await open.ended;
  coordinator.kill("SIGTERM");
  await coordinator.ended;
});

test("bundles that were not used for a long time are removed from the cache, and others stay", async () => {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-bundles-"));
  try {
    process.env.SHARDMILL_CACHE = join(folder, "cache");
    const modules = join(folder, "cache", "modules");
    await mkdir(modules, { recursive: true });
    const old = new Date(Date.now() - 100 * 24 * 3_600_000);
    const [aged, young] = [`${"a".repeat(64)}.mjs`, `${"b".repeat(64)}.mjs`];
    const half = `${"c".repeat(64)}.mjs.12-0badcafe.new`;
    for (const name of [aged, young, half, "mine.txt"]) await writeFile(join(modules, name), "");
    for (const name of [aged, half, "mine.txt"]) await utimes(join(modules, name), old, old);
    const source = join(folder, "step.ts");
    await writeFile(source, STEP);
    const { sha256 } = await keepBundle(source, "map.finish[0]", NEVER);
    await utimes(join(modules, `${sha256}.mjs`), old, old);
    await keepBundle(source, "map.finish[0]", NEVER);
    await writeFile(source, SUM);
    const other = await keepBundle(source, "reduce.sum", NEVER);
    const left = [young, `${sha256}.mjs`, `${other.sha256}.mjs`, "mine.txt"];
    expect((await readdir(modules)).sort()).toEqual(left.sort());
  } finally {
    await rm(folder, { recursive: true });
  }
});
