import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";

/** Reductions by key, as a user runs them. DuckDB judges what is published. */

const MODULE = `import { defineReduction } from "shardmill";
async function sums(rows: AsyncIterable<{ key: string; n: number }>) {
  const found = new Map<string, number>();
  for await (const { key, n } of rows) found.set(key, (found.get(key) ?? 0) + n);
  return [...found].map(([key, n]) => ({ key, n }));
}
export default defineReduction({
  reads: { name: "string?" },
  combined: { key: "string", n: "int32" },
  columns: { key: "string", n: "int32" },
  combine: async ({ rows }) => {
    const made = [];
    for await (const { name } of rows) made.push({ key: name ?? "none", n: 1 });
    return made;
  },
  final: ({ rows }) => sums(rows),
});`;

const SPEC = {
  model: undefined,
  input: { path: "./in.csv", shardRows: 60 },
  map: {},
  reduce: {
    totals: {
      by: ["name"],
      combine: "SELECT name, sum(id)::BIGINT AS s FROM rows GROUP BY name",
      final: "SELECT name, sum(s)::BIGINT AS s FROM partials GROUP BY name ORDER BY name",
    },
    newest: { by: ["name"], final: "SELECT DISTINCT ON (name) name, id FROM rows ORDER BY name, id DESC" },
    counts: { by: ["key"], module: "./counts.ts" },
  },
};
const LINES = Array.from({ length: 300 }, (_, id) => `${id},${id % 7 === 0 ? "" : `n${(id * 13) % 40}`}`);

async function jobOf(spec: Record<string, unknown> = SPEC): Promise<JobFolder> {
  const job = await JobFolder.make({ spec });
  await job.write("in.csv", `id,name\n${LINES.join("\n")}\n`);
  await job.write("counts.ts", MODULE);
  return job;
}

needs("code")("SQL and own code are reduced by key, and published as parts in a folder", async () => {
  await using job = await jobOf();
  const plan = await runCli(["plan", job.job]);
  expect(plan.stdout).toMatch(
    /totals \(combine, final, in parts by name\), newest \(final only, in parts by name\)/,
  );
  expect(plan.stdout).toMatch(/counts \(module, in parts by key\)/);
  const ran = await runCli(["run", job.job, "--workers", "2"]);
  expect(ran).toMatchObject({ code: 0 });
  expect(ran.stdout.match(/^totals$/gm)).toHaveLength(1);

  const part = (name: string) => `read_parquet('${job.out}/_reduced/${name}/part-00000.pq')`;
  const input = `read_csv('${job.at("in.csv")}', types = {'id': 'BIGINT', 'name': 'VARCHAR'})`;
  expect(await query(`FROM ${part("totals")}`)).toEqual(
    await query(`SELECT name, sum(id)::BIGINT FROM ${input} GROUP BY name ORDER BY name`),
  );
  expect(await query(`FROM ${part("newest")}`)).toEqual(
    await query(`SELECT name, max(id) FROM ${input} GROUP BY name ORDER BY name`),
  );
  expect(await query(`FROM ${part("counts")} ORDER BY key`)).toEqual(
    await query(
      `SELECT coalesce(name, 'none') AS key, count(*)::INT FROM ${input} GROUP BY key ORDER BY key`,
    ),
  );
  const manifest = JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
  expect(manifest.files).toContainEqual(
    expect.objectContaining({ path: "_reduced/totals/part-00000.pq", kind: "reduced", rows: 41 }),
  );
  // All of the output is known: a run that starts over finds nothing foreign.
  expect((await runCli(["run", job.job, "--workers", "1"])).stderr).toContain("published");
  expect(await runCli(["run", job.job, "--workers", "1", "--fresh"])).toMatchObject({ code: 0 });
  const counted = {
    ...SPEC,
    input: { path: "./out/_reduced/totals" },
    reduce: {},
    output: { path: "./out-2" },
  };
  await job.writeJob(counted);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  expect(await query(`SELECT count(*) FROM read_parquet('${job.at("out-2")}/rows/*.parquet')`)).toEqual([
    [41n],
  ]);
});

test("a final that needs other keys, and keys that are missing, are refused together", async () => {
  const { totals } = SPEC.reduce;
  const reduce = {
    limited: { ...totals, final: `${totals.final} LIMIT 3` },
    other: { ...totals, by: ["nam"] },
    counts: { by: ["word"], module: "./counts.ts" },
  };
  await using job = await jobOf({ ...SPEC, reduce });
  const sql = await runCli(["plan", job.job]);
  expect(sql.code).toBe(2);
  expect(sql.stderr).toMatch(/reduce\.limited\.final: the rows of a key are in one part, but a limit/);
  expect(sql.stderr).toMatch(/reduce\.other\.by: `partials` has no such column[\s\S]*did you mean `?name/i);
});

test("workers run the parts as tasks, which the summary and the manifest describe", async () => {
  const final = "SELECT name, count(*) AS n FROM rows GROUP BY name";
  const reduce = { counts: { by: ["name"], final } };
  await using job = await jobOf({ ...SPEC, input: { path: "./in.csv", shardRows: 2_500 }, reduce });
  const lines = Array.from({ length: 5_000 }, (_, id) => `${id},${id % 2 === 0 ? "often" : `n${id}`}`);
  await job.write("in.csv", `id,name\n${lines.join("\n")}\n`);
  const env = { SHARDMILL_PART_BYTES: "10000" };
  const ran = await runCli(["run", job.job, "--workers", "2"], { env });
  expect(ran).toMatchObject({ code: 0 });
  const counts = "name = often has 50 % of the rows";
  expect(ran.stdout).toMatch(new RegExp(`^ *tasks +counts: \\d+ on [12] workers?, .*, ${counts}$`, "m"));
  const { tasks, files } = JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
  const parts = files.filter(({ kind }: { kind: string }) => kind === "reduced").length;
  expect(parts).toBeGreaterThan(3);
  expect(tasks).toEqual([
    expect.objectContaining({ reduction: "counts", tasks: parts, done: parts, running: 0, rowsRead: 5_000 }),
  ]);
  expect(tasks[0].heavyKeys).toEqual([{ key: "name = often", rows: 2_500 }]);
  expect(
    await query(`SELECT count(*), sum(n)::INT FROM read_parquet('${job.out}/_reduced/counts/*.pq')`),
  ).toEqual([[2_501n, 5_000]]);
});
