import { copyFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { codePoints } from "../../extensions/text/token-offsets.ts";
import { tokenSpans } from "../../extensions/text/token-spans.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { textEmbedded, textModel, textPooled } from "../support/text-model.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/** Jobs over texts, from the command to the published files, compared with the reference library. */

interface Pair {
  readonly ids: readonly number[];
  readonly types: readonly number[];
  /** Offsets of each token in turn. */
  readonly offsets?: readonly number[];
}

const { texts, expected } = JSON.parse(await readFile(join(TOKENIZERS_PATH, "expected.json"), "utf8")) as {
  readonly texts: readonly string[];
  readonly expected: Readonly<
    Record<"wordpiece", { readonly whole: readonly Pair[]; readonly pairs: readonly Pair[] }>
  >;
};
const { whole, pairs } = expected.wordpiece;

const INPUTS = {
  input_ids: { column: "body", tokenizer: "./tokenizer.json", maxTokens: 1000 },
  attention_mask: { mask: "input_ids" },
  token_type_ids: { types: "input_ids" },
};
const OUTPUTS = { pooled: { tensor: "pooled" }, seen: { tensor: "seen" } };

/** @param bodies texts of rows, with the row number as `id`, and the text from the opposite end as `title` */
async function aJob(map: Readonly<Record<string, unknown>>, bodies: readonly (string | null)[] = texts) {
  const folder = await JobFolder.make({ files: 0 });
  await folder.write("model.onnx", textModel());
  await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), folder.at("tokenizer.json"));
  const table = tableOf({
    id: makeData({ type: new Int64(), data: BigInt64Array.from(bodies, (_, row) => BigInt(row)) }),
    body: only(vectorFromArray(bodies, new Utf8())),
    title: only(vectorFromArray([...texts].reverse().slice(0, bodies.length), new Utf8())),
  });
  await folder.writeData("data/texts.parquet", table, 10);
  await folder.writeJob({
    input: { path: "./data", shardRows: 20 },
    map: { inputs: INPUTS, outputs: OUTPUTS, keep: ["id"], batch: { rows: 8 }, ...map },
    reduce: {},
    errors: { maxRows: 1 },
  });
  return folder;
}

/** Returns `id`, `pooled` and `seen` of the published rows, as numbers. */
async function published(folder: JobFolder) {
  const rows = await query(`SELECT id, to_json(pooled), to_json(seen) FROM '${folder.out}/rows/*.parquet'`);
  return rows.map(([id, pooled, seen]) => ({
    id: Number(id),
    pooled: JSON.parse(String(pooled)),
    seen: JSON.parse(String(seen)),
  }));
}

const answer = (id: number, { ids, types }: Pair) => ({ id, pooled: textPooled(ids, types), seen: ids });

test("texts become the tokens of the reference library, and the model's results are those of the tokens", async () => {
  await using job = await aJob({});
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const zeros = (ids: readonly number[]) => ids.map(() => 0);
  expect(await published(job)).toEqual(whole.map(({ ids }, row) => answer(row, { ids, types: zeros(ids) })));
});

test("pairs of texts get the types of their tokens, and a row without a text becomes a dead letter", async () => {
  const inputs = {
    token_type_ids: { types: "input_ids" },
    input_ids: { columns: ["body", "title"], tokenizer: "./tokenizer.json", maxTokens: 1000 },
    attention_mask: { mask: "input_ids" },
  };
  const bodies = texts.map((text, row) => (row === 3 ? null : text));
  await using job = await aJob({ inputs }, bodies);
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 3 });
  expect(await published(job)).toEqual(
    pairs.map((pair, row) => answer(row, pair)).filter(({ id }) => id !== 3),
  );
  const dead = await query(`SELECT row, code FROM read_parquet('${job.out}/_errors/*.pq')`);
  expect(dead).toEqual([[3n, "ROW_NULL"]]);
});

test("passages become rows with their part and position, within the token limit", async () => {
  const split = { column: "body", tokenizer: "./tokenizer.json", tokens: 12, overlap: 3, sentences: true };
  await using job = await aJob({
    prepare: [{ split }],
    keep: ["id", "body", "part", "start", "end"],
    outputs: { seen: { tensor: "seen" } },
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT id, body, part, start, "end", len(seen) FROM '${job.out}/rows/*.parquet' ORDER BY id, part`,
  );
  expect(rows.length).toBeGreaterThan(2 * texts.length);
  expect(new Set(rows.map(([id]) => id)).size).toBe(texts.length);
  for (const [id, body, , start, end, tokens] of rows) {
    expect([...(texts[Number(id)] ?? "")].slice(Number(start), Number(end)).join("")).toBe(body);
    expect(Number(tokens)).toBeLessThanOrEqual(12);
  }
});

/** Makes a job in which some texts exceed the token limit, and returns which ones do. */
async function truncatedJob() {
  const most = 20;
  const input_ids = { ...INPUTS.input_ids, maxTokens: most };
  const job = await aJob({ inputs: { ...INPUTS, input_ids } });
  return { job, isLong: whole.map(({ ids }) => ids.length > most) };
}

test("rows with truncated texts are counted in the summary and the manifest", async () => {
  const { job, isLong } = await truncatedJob();
  await using _ = job;
  const rows = isLong.filter(Boolean).length;
  expect(rows).toBeGreaterThan(5);
  const first = await runCli(["run", job.job, "--workers", "2", "--json"]);
  expect(first, first.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(first.stdout)).toMatchObject({ rowsTruncated: rows });
  const { rows: counts } = JSON.parse(await readFile(join(job.out, "_manifest.json"), "utf8"));
  expect(counts).toMatchObject({ output: texts.length, truncated: rows });
  const again = await runCli(["run", job.job, "--workers", "1"]);
  expect(again.stdout + again.stderr).toContain(`  truncated  ${rows} rows: a text of each has more tokens`);
});

needs("estimate", "try")("plan and try report the rows with truncated texts", async () => {
  const { job, isLong } = await truncatedJob();
  await using _ = job;
  const planned = await runCli(["plan", job.job]);
  expect(planned.stdout).toMatch(/truncated +[\d,]+ of [\d,]+ rows of the sample: /);
  for (const is of [true, false]) {
    const row = String(isLong.indexOf(is));
    const tried = await runCli(["try", job.job, "--row", row, "--rows", "1"]);
    expect(tried.stdout.includes(" tokens, truncated\n")).toBe(is);
  }
});

test("rows that a later step drops, and passages, are not counted as truncated", async () => {
  const input_ids = { ...INPUTS.input_ids, maxTokens: 12 };
  const inputs = { ...INPUTS, input_ids };
  await using job = await aJob({ inputs, finish: [{ sql: "SELECT * FROM rows WHERE id % 2 = 0" }] });
  const { stdout } = await runCli(["run", job.job, "--workers", "1", "--json"]);
  const rows = whole.filter(({ ids }, row) => row % 2 === 0 && ids.length > 12).length;
  expect(rows).toBeGreaterThan(5);
  expect(JSON.parse(stdout)).toMatchObject({ rowsTruncated: rows });
  const split = { column: "body", tokenizer: "./tokenizer.json", tokens: 12 };
  await using cut = await aJob({ prepare: [{ split }], inputs });
  const passages = await runCli(["run", cut.job, "--workers", "1", "--json"]);
  expect(JSON.parse(passages.stdout)).toMatchObject({ rowsTruncated: 0, rowsFilled: 0 });
});

test("labelled tokens become spans of their texts, and the logits are not published", async () => {
  const labels = ["O", "B-PER", "I-PER", "MISC"];
  const spans = { logits: "logits", text: "body", offsets: "places", column: "entities", labels };
  await using job = await aJob({
    inputs: { ...INPUTS, input_ids: { ...INPUTS.input_ids, offsets: "places" } },
    outputs: { logits: { tensor: "embedded" } },
    keep: ["id", "body", "places"],
    finish: [{ spans }],
  });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  const rows = await query(
    `SELECT COLUMNS(*)::VARCHAR FROM (SELECT id, body, to_json(entities) AS entities FROM '${job.out}/rows/*.parquet')`,
  );
  expect(rows).toHaveLength(texts.length);
  for (const [id, body, entities] of rows) {
    const { ids = [], offsets = [] } = whole[Number(id)] ?? {};
    const tokens = textEmbedded(ids).flatMap((logits, at) => {
      const [start = 0, end = 0] = offsets.slice(2 * at);
      // The first and last tokens were added by the tokenizer.
      return at === 0 || at === ids.length - 1 ? [] : [{ start, end, continues: false, logits }];
    });
    const known = tokenSpans(tokens, { names: labels, ignore: ["O"] }, "simple");
    expect(JSON.parse(String(entities))).toEqual(
      known.map(({ score, start, end, label }) => ({
        label,
        score: expect.closeTo(score, 5),
        start,
        end,
        text: codePoints(String(body), start, end),
      })),
    );
  }
  const [columns] = await query(
    `SELECT list(name) FROM parquet_schema('${job.out}/rows/*.parquet') WHERE name IN ('logits', 'places')`,
  );
  expect(columns).toEqual([null]);
});

test("another tokenizer makes another job, and a moved one does not", async () => {
  await using job = await aJob({});
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  await job.write("elsewhere/tokenizer.json", await readFile(job.at("tokenizer.json")));
  const tokenizer = "./elsewhere/tokenizer.json";
  const moved = { ...INPUTS, input_ids: { ...INPUTS.input_ids, tokenizer } };
  const map = { inputs: moved, outputs: OUTPUTS, keep: ["id"], batch: { rows: 8 } };
  await job.writeJob({ input: { path: "./data", shardRows: 20 }, map, reduce: {}, errors: { maxRows: 1 } });
  expect(await runCli(["run", job.job, "--workers", "1"])).toMatchObject({ code: 0 });
  await job.write("elsewhere/tokenizer.json", await readFile(join(TOKENIZERS_PATH, "bpe.json")));
  const other = await runCli(["run", job.job, "--workers", "1"]);
  expect(other.code).toBe(2);
});

test("all problems of text inputs are reported at once before any work", async () => {
  await using job = await aJob({
    inputs: {
      input_ids: { column: "id", tokenizer: "./model.onnx" },
      attention_mask: { mask: "input_ids" },
      token_type_ids: { types: "attention_mask" },
    },
  });
  const run = await runCli(["plan", job.job]);
  expect(run).toMatchObject({ code: 2 });
  for (const part of [
    "map.inputs.input_ids.tokenizer",
    "is not a tokenizer: it is not JSON",
    "column `id` is not text",
    "map.inputs.token_type_ids.types",
    "names an input without a tokenizer",
  ])
    expect(run.stderr).toContain(part);
});

test("the plan shows how texts are split and tokenized", async () => {
  await using job = await aJob({
    prepare: [{ split: { column: "body", tokenizer: "./tokenizer.json", tokens: 64 } }],
    keep: ["part", "start", "end"],
    inputs: { ...INPUTS, input_ids: { column: "body", tokenizer: "./tokenizer.json", prefix: "query: " } },
  });
  const { stdout, code } = await runCli(["plan", job.job, ...WITHOUT_ESTIMATE]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/map\.prepare\[0\]\.split +body +body string, part int32, start int32, end int32/);
  expect(stdout).toContain("passages of at most 64 tokens");
  expect(stdout).toContain('at most 64 tokens a row, cut off on the right, behind "query: "');
});
