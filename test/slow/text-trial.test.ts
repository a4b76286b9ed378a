import { expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Trials over text files in which some lines are invalid rows. */

const ROWS = 40;
const SPEC = {
  input: { path: "./data", shardRows: 10, types: { a: "float64" } },
  map: {
    inputs: { input: { columns: ["a", "b", "c", "d"] } },
    outputs: { logits: {} },
    keep: ["id", "note"],
  },
  reduce: {},
  errors: { maxRows: ROWS },
};
const HOSTILE = "\u001b[31mred\u0007\u009b2J\u202e";

async function textJob(): Promise<JobFolder> {
  const job = await JobFolder.make({ files: 0, spec: SPEC });
  const lines = Array.from({ length: ROWS }, (_, id) => Buffer.from(`${id},${id / 8},1,2,3,"row ${id}"`));
  lines[1] = Buffer.from(`1,1,1,2,3,"${HOSTILE}"`);
  lines[3] = Buffer.from("3,none,1,2,3,x");
  lines[5] = Buffer.from("5,1,1,2,3,\xff\xfe\x00", "latin1");
  lines[6] = Buffer.from('6,1,1,2,3,"torn');
  const fileOf = (some: readonly Buffer[]) =>
    Buffer.concat(["id,a,b,c,d,note", ...some].flatMap((line) => [Buffer.from(line), Buffer.from("\n")]));
  await job.write("data/1.csv", fileOf(lines.slice(0, 25)));
  await job.write("data/2.csv", fileOf(lines.slice(25)));
  return job;
}

const published = (output: string) => query(`SELECT id, logits FROM '${output}/rows/*.parquet' ORDER BY id`);
const deadLetters = (output: string) =>
  query(`SELECT row, code, message FROM read_parquet('${output}/_errors/*.pq') ORDER BY row`);

needs("csv-json")(
  "a trial of text files counts invalid rows, also when it is submitted to a coordinator",
  async () => {
    await using job = await textJob();
    const run = await runCli(["run", job.job, "--workers", "1", "--json", "--limit", "9"]);
    expect(run).toMatchObject({ code: 3 });
    expect(JSON.parse(run.stdout)).toMatchObject({ rows: 9, rowsSkipped: ROWS - 9 });
    const limited = await published(`${job.out}-trial`);
    expect(limited.map(([id]) => Number(id))).toEqual([0, 1, 2, 4, 7, 8]);
    const dead = await deadLetters(`${job.out}-trial`);
    expect(dead).toEqual([
      [3n, "ROW_UNREADABLE", expect.stringMatching(/^line 5 .*column a: "none"/)],
      [5n, "ROW_UNREADABLE", expect.stringMatching(/^line 7 .*not UTF-8/)],
      [6n, "ROW_UNREADABLE", expect.stringMatching(/^line 8 .*a quoted value/)],
    ]);
    const sample = ["--sample", "0.5", "--seed", "4"];
    const to = (name: string) => ["--set", `output.path=${job.at(name)}`];
    const sampled = await runCli(["run", job.job, "--workers", "1", ...sample, ...to("sampled")]);
    expect([0, 3]).toContain(sampled.code);
    const some = await published(job.at("sampled"));
    expect(some.length + (await deadLetters(job.at("sampled"))).length).toBe(ROWS / 2);

    const listen = ["--listen", "127.0.0.1:0", "--log-level", "warn"];
    await using coordinator = startCli(["coordinator", ...listen], { limitMs: 300_000 });
    const [, address = ""] = await coordinator.saw(/coordinator on ([\d.]+:\d+)/);
    const at = ["--coordinator", address];
    await using _worker = startCli(["worker", ...at, "--device", "cpu", "--workers", "1"], {
      limitMs: 300_000,
    });
    const submit = (args: readonly string[]) => runCli(["submit", job.job, ...at, "--watch", ...args]);
    expect(await submit(["--limit", "9", ...to("there")])).toMatchObject({ code: 3 });
    expect(await published(job.at("there"))).toEqual(limited);
    expect(await deadLetters(job.at("there"))).toEqual(dead);
    expect(await submit([...sample, ...to("sampled-there")])).toMatchObject({ code: sampled.code });
    expect(await published(job.at("sampled-there"))).toEqual(some);
    expect(await job.outNames()).toBeNull();
  },
);

needs("try", "csv-json")(
  "try reports why a line is invalid, and shows no control characters of other lines",
  async () => {
    await using job = await textJob();
    for (const [row, said] of [
      [3, /ROW_UNREADABLE: line 5 \(byte \d+\): column a: "none" is not float64/],
      [5, /ROW_UNREADABLE: line 7 \(byte \d+\): it is not UTF-8/],
      [6, /ROW_UNREADABLE: line 8 \(byte \d+\): a quoted value/],
    ] as const) {
      const tried = await runCli(["try", job.job, "--row", String(row)]);
      expect(tried).toMatchObject({ code: 3 });
      expect(tried.stdout).toMatch(/dead letter, at read/);
      expect(tried.stdout).toMatch(said);
    }
    const shown = await runCli(["try", job.job, "--row", "1"]);
    expect(shown).toMatchObject({ code: 0 });
    expect(shown.stdout).toContain("[31mred");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what must not be there
    expect(shown.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
    const json = await runCli(["try", job.job, "--row", "1", "--json"]);
    expect(JSON.stringify(JSON.parse(json.stdout))).toContain(JSON.stringify(HOSTILE).slice(1, -1));
  },
);
