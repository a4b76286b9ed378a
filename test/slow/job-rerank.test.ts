import { copyFile, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Int32, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { packageRoot } from "../../shared/core/package-root.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { TOKENIZERS_PATH } from "../support/tokenizers/path.ts";

/**
 * A job that scores pairs of texts, from the command to the best passages of each query. Expected values come
 * from Python's tokenizers and numpy.
 */

const RERANKERS_PATH = join(packageRoot, "test", "support", "rerankers");

interface KnownPair {
  readonly query: string;
  readonly passage: string;
  readonly ids: readonly number[];
  readonly types: readonly number[];
  readonly cut: boolean;
  readonly score: number;
}

const pairs = JSON.parse(
  await readFile(join(RERANKERS_PATH, "expected.json"), "utf8"),
) as readonly KnownPair[];

const MAP = {
  inputs: {
    input_ids: { columns: ["query", "passage"], tokenizer: "./reranker/tokenizer.json", truncated: "cut" },
    attention_mask: { mask: "input_ids" },
    token_type_ids: { types: "input_ids" },
  },
  outputs: { score: { tensor: "logits" }, relevance: { tensor: "logits", op: "sigmoid" } },
  keep: ["pair", "query", "passage", "cut"],
  batch: { tokens: 512 },
};

/** Makes the model's folder as its publisher has it. The tokenizer's settings contain the limit. */
async function aJob(): Promise<JobFolder> {
  const folder = await JobFolder.make({ files: 0 });
  await mkdir(folder.at("reranker"));
  await copyFile(join(RERANKERS_PATH, "cross-encoder.onnx"), folder.at("reranker/model.onnx"));
  await copyFile(join(TOKENIZERS_PATH, "wordpiece.json"), folder.at("reranker/tokenizer.json"));
  await folder.write("reranker/config.json", JSON.stringify({ id2label: { 0: "LABEL_0" } }));
  await folder.write("reranker/tokenizer_config.json", JSON.stringify({ model_max_length: 48 }));
  const table = tableOf({
    pair: only(vectorFromArray([...pairs.keys()], new Int32())),
    query: only(
      vectorFromArray(
        pairs.map(({ query: text }) => text),
        new Utf8(),
      ),
    ),
    passage: only(
      vectorFromArray(
        pairs.map(({ passage }) => passage),
        new Utf8(),
      ),
    ),
  });
  await folder.writeData("data/pairs.parquet", table, 20);
  await folder.writeJob({
    input: { path: "./data", shardRows: 25 },
    model: { path: "./reranker" },
    map: MAP,
    reduce: {
      best: "SELECT query, arg_max(pair, score, 3) AS best FROM rows GROUP BY query ORDER BY min(pair)",
    },
  });
  return folder;
}

test("pairs get the scores of the reference, and the best passages of each query are found", async () => {
  await using job = await aJob();
  const run = await runCli(["run", job.job, "--workers", "1", "--json"]);
  expect(run, run.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(run.stdout)).toMatchObject({ rowsTruncated: pairs.filter(({ cut }) => cut).length });
  const rows = await query(
    `SELECT pair, to_json(score), to_json(relevance), cut FROM '${job.out}/rows/*.parquet'`,
  );
  expect(rows.map(([pair, , , cut]) => [pair, cut])).toEqual(pairs.map(({ cut }, pair) => [pair, cut]));
  for (const [pair, score, relevance] of rows) {
    const known = pairs[Number(pair)]?.score ?? Number.NaN;
    expect(JSON.parse(String(score))).toBeCloseTo(known, 4);
    expect(JSON.parse(String(relevance))).toBeCloseTo(1 / (1 + Math.exp(-known)), 5);
  }
  const best = await query(`SELECT query, to_json(best) FROM read_parquet('${job.out}/_reduced/best.pq')`);
  const queries = [...new Set(pairs.map(({ query: text }) => text))];
  expect(best.map(([text, found]) => [text, JSON.parse(String(found))])).toEqual(
    queries.map((text) => {
      const own = [...pairs.entries()].filter(([, pair]) => pair.query === text);
      const sorted = own.sort(([, a], [, b]) => b.score - a.score);
      return [text, sorted.slice(0, 3).map(([pair]) => pair)];
    }),
  );
});

/** Row in the output of `try --json`, with only the fields about tokens. */
interface TriedRow {
  readonly prepare: readonly {
    readonly tokens: readonly {
      readonly tokens: readonly { readonly id: number }[];
      readonly isTruncated: boolean;
    }[];
  }[];
  readonly runs: readonly {
    readonly inputs: readonly { readonly name: string; readonly first: readonly unknown[] }[];
  }[];
}

needs("try")("the token ids and types of each pair are those of the reference", async () => {
  await using job = await aJob();
  const tried = await runCli(["try", job.job, "--rows", String(pairs.length), "--json"]);
  expect(tried, tried.stderr).toMatchObject({ code: 0 });
  const { rows: traces } = JSON.parse(tried.stdout) as { rows: readonly TriedRow[] };
  const found = traces.map(({ prepare }) => prepare[0]?.tokens[0]);
  expect(found.map((tokens) => tokens?.tokens.map(({ id }) => id))).toEqual(pairs.map(({ ids }) => ids));
  expect(found.map((tokens) => tokens?.isTruncated)).toEqual(pairs.map(({ cut }) => cut));
  const types = traces.map(
    ({ runs }) => runs[0]?.inputs.find(({ name }) => name === "token_type_ids")?.first,
  );
  for (const [at, first = []] of types.entries()) {
    expect(first.length).toBeGreaterThan(0);
    expect(first).toEqual(pairs[at]?.types.slice(0, first.length));
  }
});
