import { existsSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import type { CommandModule } from "yargs";
import { packageRoot } from "../../shared/core/package-root.ts";
import { quoteLiteral } from "../../shared/sql/quote.ts";
import { SHARDMILL_MAIN } from "../../test/support/processes.ts";
import { preparePeers } from "../peers/environment.ts";
import { runMeasured, type Usage } from "../peers/measured-run.ts";
import { median, note, report, round } from "../report/report.ts";
import { WORKLOADS_FOLDER } from "../workloads/workload.ts";
import { QUESTIONS, type QuestionName, visitsSql } from "./questions.ts";

const NAMES = Object.keys(QUESTIONS) as QuestionName[];
/** Ways to reduce: a job with `by`, a job without it, and the peers. */
const TOOLS = ["by", "one-final", "duckdb", "daft", "spark", "ray"] as const;
type Tool = (typeof TOOLS)[number];

const ROWS_PER_FILE = 5_000_000;

interface ReduceArguments {
  readonly only: readonly QuestionName[];
  readonly tools: readonly Tool[];
  readonly rows: number;
  readonly rounds: number;
  readonly "limit-minutes": number;
}

export const reduceBench: CommandModule<object, ReduceArguments> = {
  command: "reduce",
  describe:
    "Reductions by key, by one `final`, and by DuckDB, Daft, Spark and Ray Data (aim: faster than one `final`)",
  builder: (yargs) =>
    yargs.options({
      only: { choices: NAMES, array: true, default: NAMES, describe: "Only these questions" },
      tools: { choices: TOOLS, array: true, default: TOOLS, describe: "Only these tools" },
      rows: { type: "number", default: 20_000_000, describe: "Rows of the input" },
      rounds: { type: "number", default: 3, describe: "Rounds. Each runs every tool once" },
      "limit-minutes": { type: "number", default: 10, describe: "A run that takes longer counts as failed" },
    }),
  handler: runReduce,
};

interface Ran {
  readonly question: QuestionName;
  readonly tool: Tool;
  readonly runs: readonly Usage[];
  readonly failure: string | null;
}

async function runReduce({ only, tools, rows, rounds, ...args }: ReduceArguments): Promise<void> {
  const { pythons, versions } = await preparePeers(["duckdb"]);
  const cores = availableParallelism();
  const input = await makeInput(rows);
  const limitMs = args["limit-minutes"] * 60_000;
  const place = { input, cores, limitMs, python: pythons.peers ?? "python3" };
  const found: Ran[] = [];
  for (const question of NAMES.filter((name) => only.includes(name)))
    for (const tool of TOOLS.filter((name) => tools.includes(name) && canAnswer(name, question)))
      found.push(await runTool(question, tool, { ...place, rounds }));
  report({
    bench: "reduce",
    about: `the same reductions of ${rows.toLocaleString("en")} rows; every result equals that of DuckDB`,
    options: { only, tools, rows, rounds, cores, versions },
    table: {
      columns: ["question", "tool", "wall s", "each round", "CPU s", "peak MiB of all", "failure"],
      rows: found.map(({ question, tool, runs, failure }) => [
        QUESTIONS[question].title,
        tool,
        round(median(runs.map(({ wallSeconds }) => wallSeconds))),
        runs.map(({ wallSeconds }) => round(wallSeconds)).join(", "),
        round(median(runs.map(({ cpuSeconds }) => cpuSeconds))),
        Math.round(median(runs.map(({ peakBytes }) => peakBytes)) / 2 ** 20),
        failure ?? "",
      ]),
    },
    notes: [
      "wall time is that of the whole command: interpreters, clusters and virtual machines start within it",
      "Shardmill's jobs also keep checksums and a journal, and publish in one step",
    ],
  });
}

/** Ray Data has no SQL. Its groups are aggregated, and it answers no other question here. */
function canAnswer(tool: Tool, question: QuestionName): boolean {
  return tool !== "ray" || question === "few" || question === "many";
}

/** Makes the input files, once. Returns their folder. */
async function makeInput(rows: number): Promise<string> {
  const folder = join(WORKLOADS_FOLDER, `visits-${rows}`);
  if (existsSync(folder)) return folder;
  note(`makes ${rows.toLocaleString("en")} rows`);
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  for (let from = 0; from < rows; from += ROWS_PER_FILE) {
    const path = join(partial, `part-${String(from / ROWS_PER_FILE).padStart(3, "0")}.parquet`);
    const select = visitsSql(rows, from, Math.min(rows, from + ROWS_PER_FILE));
    await connection.run(`COPY (${select}) TO ${quoteLiteral(path)} (FORMAT parquet, COMPRESSION zstd)`);
  }
  connection.disconnectSync();
  instance.closeSync();
  await rename(partial, folder);
  return folder;
}

interface Place {
  readonly input: string;
  readonly cores: number;
  readonly limitMs: number;
  readonly python: string;
  readonly rounds: number;
}

async function runTool(question: QuestionName, tool: Tool, place: Place): Promise<Ran> {
  const runs: Usage[] = [];
  const out = join(WORKLOADS_FOLDER, `reduce-out-${tool}`);
  try {
    for (let at = 0; at < place.rounds; at += 1) {
      await rm(out, { recursive: true, force: true });
      const command = await commandOf(question, tool, { ...place, out });
      const env = { RAY_USAGE_STATS_ENABLED: "0", DAFT_ANALYTICS_ENABLED: "0", SPARK_LOCAL_IP: "127.0.0.1" };
      const usage = await runMeasured({ command, env, limitMs: place.limitMs });
      runs.push(usage);
      note(`${question}, ${tool}: ${round(usage.wallSeconds)} s, ${round(usage.cpuSeconds)} s of CPU`);
      if (at === 0) await expectEqual(question, tool, { ...place, out });
    }
    return { question, tool, runs, failure: null };
  } catch (error) {
    const failure = error instanceof Error ? error.message.slice(-200) : String(error);
    note(`${question}, ${tool}: ${failure}`);
    return { question, tool, runs, failure };
  } finally {
    await rm(out, { recursive: true, force: true });
  }
}

interface Output extends Pick<Place, "input" | "cores" | "python"> {
  readonly out: string;
}

async function commandOf(
  question: QuestionName,
  tool: Tool,
  { input, cores, python, out }: Output,
): Promise<readonly string[]> {
  const { by, whole, combine, final } = QUESTIONS[question];
  await mkdir(WORKLOADS_FOLDER, { recursive: true });
  if (tool === "by" || tool === "one-final") {
    const job = join(WORKLOADS_FOLDER, `reduce-${tool}.yaml`);
    const reduction = {
      ...(combine === null ? {} : { combine }),
      final,
      ...(tool === "by" ? { by: [by] } : {}),
    };
    const spec = {
      name: `reduce-${question}`,
      input: { path: input },
      map: { keep: ["kind", "order_id", "user_id", "country", "url", "cents", "seen"] },
      reduce: { answer: reduction },
      output: { path: out, rows: "none" },
    };
    await writeFile(job, JSON.stringify(spec));
    return [process.execPath, SHARDMILL_MAIN, "run", job, "--fresh", "--json"];
  }
  const job = join(WORKLOADS_FOLDER, `reduce-${tool}.json`);
  const files = await filesOf(input);
  await writeFile(job, JSON.stringify({ sql: whole, by, input_files: files, output_path: out, cores }));
  return [python, join(packageRoot, "bench", "reduce", "reduce_peer.py"), tool, job];
}

async function filesOf(input: string): Promise<readonly string[]> {
  return await query(`SELECT file FROM glob(${quoteLiteral(`${input}/*.parquet`)}) ORDER BY file`);
}

/** Compares a result with DuckDB's own answer over the same files. */
async function expectEqual(question: QuestionName, tool: Tool, { input, out }: Output): Promise<void> {
  const files =
    tool === "by"
      ? `${out}/_reduced/answer/*.pq`
      : tool === "one-final"
        ? `${out}/_reduced/answer.pq`
        : `${out}/**/*.parquet`;
  const wanted = QUESTIONS[question].whole.replaceAll(
    /\bT\b/g,
    `read_parquet(${quoteLiteral(`${input}/*.parquet`)})`,
  );
  const sums = (
    from: string,
  ) => `SELECT count(*)::VARCHAR || ' ' || sum(hash(row_text)::HUGEINT)::VARCHAR FROM (
    SELECT concat_ws('|', COLUMNS(*)::VARCHAR) AS row_text FROM (${from}))`;
  const names = (await query(`SELECT column_name FROM (DESCRIBE ${wanted})`)).join(", ");
  const [expected] = await query(sums(`SELECT ${names} FROM (${wanted})`));
  const [found] = await query(sums(`SELECT ${names} FROM read_parquet(${quoteLiteral(files)})`));
  if (expected !== found) throw new Error(`other rows than DuckDB: ${found}, not ${expected}`);
}

async function query(sql: string): Promise<readonly string[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRows().map(([value]) => String(value));
  } finally {
    connection.disconnectSync();
    instance.closeSync();
  }
}
