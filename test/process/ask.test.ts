import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { answersOf, askFolder } from "../support/ask-job.ts";
import { until } from "../support/job-processes.ts";
import { query } from "../support/known-answer.ts";
import { type LlmServer, startLlmServer } from "../support/llm-server.ts";
import { needs } from "../support/needs.ts";
import { runCli, startCli } from "../support/processes.ts";

/** Jobs that ask a server in another process, which lies, hangs, limits and exits. */

const SECRET = "sk-never-in-a-file-42";
const MOOD = { type: "object", properties: { mood: { enum: ["good", "bad"] }, score: { type: "integer" } } };

/** Returns the files below a folder that contain a text. */
async function filesWith(folder: string, text: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found = await Promise.all(
    paths.map(async (path) => ((await readFile(path)).includes(text) ? path : null)),
  );
  return found.filter((path) => path !== null);
}

needs("ask")("answers are typed columns, lies are dead letters, and a secret reaches no file", async () => {
  await using job = await askFolder({ key: "${LLM_KEY}", answer: MOOD, timeout: "2s", tokens: "tokens" });
  const lies = ["html", "text", "schema", "once", "bad", "broken", "cut", "hang", "fail", "echo"];
  await job.writeTexts(['fine, "quoted" {text}', ...lies.map((lie) => `LIE:${lie}`)]);
  await using server = await startLlmServer({ KEY: SECRET, LOG: job.at("server.jsonl") });
  const env = { ...job.env, LLM_URL: server.url, LLM_KEY: SECRET };
  const plan = await runCli(["plan", job.job], { env });
  expect(plan).toMatchObject({ code: 0 });
  expect(plan.stderr).toContain("no estimate: a step asks a server");
  expect(server.served).toEqual([]);
  expect(plan.stdout).toContain("m-1 at http://127.0.0.1");
  const ran = await runCli(["run", job.job, "--workers", "1", "--log-level", "debug"], { env });
  expect(ran, ran.stderr).toMatchObject({ code: 3 });
  const rows = await query(
    `SELECT id, mood, score, typeof(score), tokens FROM read_parquet('${job.out}/rows/*.parquet')`,
  );
  expect(rows).toEqual(
    [0n, 4n, 6n, 7n, 8n, 9n].map((id) => [
      id,
      "good",
      BigInt(job.promptOf(Number(id)).length),
      "BIGINT",
      10n,
    ]),
  );
  const errors = await query(`SELECT row, stage, code, message FROM read_parquet('${job.out}/_errors/*.pq')`);
  const letter = (row: bigint, words: RegExp) => [row, "prepare", "ROW_FAILED", expect.stringMatching(words)];
  expect(errors).toEqual([
    letter(
      1n,
      /^map\.prepare\[0\]\.ask at http:\S+: the reply is not a chat completion: "<html>a proxy.*check that `url`/,
    ),
    letter(2n, /the answer is not JSON: .*Sure! Here is your JSON\..*describe the JSON/),
    letter(3n, /the answer does not fit its schema: mood: .*great/),
    letter(5n, /the server answered 400: "the prompt is too long"/),
    letter(10n, /the server answered 400: "you sent Bearer \$\{LLM_KEY\}"/),
  ]);
  // The check would find it: the server's words are there.
  expect(await filesWith(job.path, "you sent Bearer ")).not.toEqual([]);
  expect(await filesWith(job.path, SECRET)).toEqual([]);
  expect(`${plan.stdout}${plan.stderr}${ran.stdout}${ran.stderr}`).not.toContain(SECRET);
});

needs("ask", "init")(
  "init drafts a job from the server's address, which plans and runs unchanged",
  async () => {
    await using job = await askFolder({});
    await job.writeTexts(["fine", "also fine"]);
    await using server = await startLlmServer({ KEY: SECRET, LOG: job.at("server.jsonl") });
    const env = { ...job.env, LLM_KEY: SECRET };
    const init = ["init", "--input", "in.csv", "-o", "made.yaml", "--ask", server.url];
    const options = { env, cwd: job.path };
    const refused = await runCli(init, options);
    expect(refused).toMatchObject({ code: 2 });
    expect(refused.stderr).toContain("names a server that needs a key (ARGUMENT_INVALID)");
    expect(refused.stderr).toContain("--ask-key");

    const made = await runCli([...init, "--ask-key", "LLM_KEY"], options);
    expect(made, made.stderr).toMatchObject({ code: 0 });
    expect(made.stdout).toContain("next: shardmill plan made.yaml");
    expect(await readFile(job.at("made.yaml"), "utf8")).not.toContain(SECRET);
    const plan = await runCli(["plan", "made.yaml"], options);
    expect(plan, plan.stderr).toMatchObject({ code: 0 });
    expect(plan.stdout).toContain("m-1 at http://127.0.0.1");
    const ran = await runCli(["run", "made.yaml", "--workers", "1"], options);
    expect(ran, ran.stderr).toMatchObject({ code: 0 });
    const prompts = server.served.filter(({ kind }) => kind === "answer").map(({ prompt }) => prompt);
    expect(prompts.sort()).toEqual(["also fine", "fine"].map((text) => `Summarize in one sentence: ${text}`));
    expect(await query(`SELECT id, text, answer LIKE '%good%' FROM '${job.out}/rows/*.parquet'`)).toEqual([
      [0n, "fine", true],
      [1n, "also fine", true],
    ]);
  },
);

needs("ask")("after kill -9 of a worker, no answered request is sent again", async () => {
  await using job = await askFolder({ key: "${LLM_KEY}", concurrency: 8 });
  await job.writeTexts(Array.from({ length: 300 }, (_, row) => `text ${row}`));
  const LOG = job.at("server.jsonl");
  const settings = { LOG, KEY: SECRET, DELAY_MS: "5" };
  const first = await startLlmServer({ ...settings, ANSWERS: "120" });
  const env = { ...job.env, LLM_URL: first.url, LLM_KEY: SECRET };
  const run = ["run", job.job, "--workers", "1"];
  {
    await using killed = startCli(run, { env });
    // The server takes requests, but answers no more, and all that it answered is in the log.
    await until("120 answers in the log", async () => (await answersOf(job)).length === 120 || null);
    expect(await filesWith(job.path, SECRET)).toEqual([]);
    killed.kill("SIGKILL");
    await killed.ended;
  }
  await first.kill();
  await using second = await startLlmServer({ ...settings, PORT: first.port });
  expect(await runCli(run, { env })).toMatchObject({ code: 0 });
  const { served } = second;
  const answered = served.filter(({ kind }) => kind === "answer");
  const requests = served.filter(({ kind }) => kind === "request");
  expect(new Set(answered.map(({ key }) => key)).size).toBe(300);
  expect(answered).toHaveLength(300);
  // Only those that were under way at the kill were sent twice.
  expect(requests.length).toBeGreaterThan(300);
  expect(requests.length).toBeLessThanOrEqual(308);
  const [[rows, distinct] = []] = await query(
    `SELECT count(*), count(DISTINCT id) FROM read_parquet('${job.out}/rows/*.parquet')`,
  );
  expect([rows, distinct]).toEqual([300n, 300n]);
});

needs("ask")(
  "a server that is down, then limits, then exits and returns, gets all its rows answered",
  async () => {
    await using job = await askFolder({ concurrency: 32 });
    await job.writeTexts(Array.from({ length: 400 }, (_, row) => `text ${row}`));
    const LOG = job.at("server.jsonl");
    const settings = { LOG, DELAY_MS: "20", MOST_AT_ONCE: "4" };
    const spare = await startLlmServer({ LOG });
    await spare.kill();
    const run = startCli(["run", job.job, "--workers", "1"], { env: { ...job.env, LLM_URL: spare.url } });
    await using _run = run;
    await run.saw(/requests wait for the server/);
    const first = await startLlmServer({ ...settings, PORT: spare.port });
    await until("100 answers", async () => answeredBy(first) >= 100 || null);
    await first.kill();
    await using second = await startLlmServer({ ...settings, PORT: spare.port });
    expect(await run.ended).toMatchObject({ code: 0 });
    expect(new Set(second.served.map(({ prompt }) => prompt)).size).toBe(400);
    const [[rows] = []] = await query(`SELECT count(*) FROM read_parquet('${job.out}/rows/*.parquet')`);
    expect(rows).toBe(400n);
  },
);

function answeredBy({ served }: LlmServer): number {
  return served.filter(({ kind }) => kind === "answer").length;
}

needs("ask")("a wrong key ends the job at once, and is not shown", async () => {
  await using job = await askFolder({ key: "${LLM_KEY}" });
  await job.writeTexts(["a", "b"]);
  await using server = await startLlmServer({ KEY: SECRET });
  const env = { ...job.env, LLM_URL: server.url };
  const wrong = await runCli(["run", job.job, "--workers", "1"], { env: { ...env, LLM_KEY: "sk-wrong" } });
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("no such key: Bearer ${LLM_KEY}");
  expect(wrong.stderr).not.toContain("sk-wrong");
});

needs("ask")(
  "plans name unknown columns, secrets that are written out, and schemas without columns",
  async () => {
    await using job = await askFolder({
      key: SECRET,
      prompt: "{txt}",
      answer: { type: "object", properties: { x: { type: ["string", "number"] } } },
    });
    await job.writeTexts(["a"]);
    const plan = await runCli(["plan", job.job], { env: { ...job.env, LLM_URL: "http://127.0.0.1:9" } });
    expect(plan.code).toBe(2);
    expect(plan.stderr).toMatch(/map\.prepare\[0\]\.ask\.prompt/);
    expect(plan.stderr).toMatch(/map\.prepare\[0\]\.ask\.key.* is not a reference to a variable/);
    expect(plan.stderr).toMatch(/map\.prepare\[0\]\.ask\.answer\.properties\.x.* cannot be a column/);
    expect(plan.stderr).not.toContain(SECRET);
  },
);
