import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { byteSource } from "../../shared/storage/storage.ts";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { WITHOUT_ESTIMATE } from "../support/plan-options.ts";
import { runCli } from "../support/processes.ts";
import { readRows } from "../support/read-rows.ts";
import { plainRows } from "../support/sample-table.ts";
import { idsTable, maskedMean, maskedMeanModel, unevenIds } from "../support/uneven-model.ts";

/** Jobs over lists of uneven length, from the command to the published files. */

const ROWS_PER_FILE = 300;
const MAP = {
  inputs: { input_ids: { pad: 7 }, attention_mask: { mask: "input_ids" } },
  keep: ["id"],
};

async function aJob(spec: Readonly<Record<string, unknown>> = {}) {
  const lists = unevenIds(2 * ROWS_PER_FILE, 90);
  const folder = await JobFolder.make({ files: 0 });
  await folder.write("model.onnx", maskedMeanModel());
  for (const file of [0, 1]) {
    const own = lists
      .map((list, row) => ({ list, row }))
      .slice(file * ROWS_PER_FILE, (file + 1) * ROWS_PER_FILE);
    await folder.writeData(`data/part-${file}.parquet`, idsTable(own.map(({ list }) => list)), 60);
  }
  await folder.writeJob({ input: { path: "./data", shardRows: 120 }, map: MAP, reduce: {}, ...spec });
  return { folder, lists };
}

/** Returns all published rows, in the order of the files. */
async function publishedRows(folder: JobFolder, format: "parquet" | "arrow"): Promise<unknown[]> {
  await using store = createLocalStorage();
  const rows: unknown[] = [];
  for (const name of (await readdir(`${folder.out}/rows`)).sort()) {
    const path = `${folder.out}/rows/${name}`;
    const { bytes } = await store.stat(parseLocation(path), NEVER);
    using file = await openDatasetFile(byteSource(store, parseLocation(path), bytes), format, NEVER);
    rows.push(...plainRows(await readRows(file)));
  }
  return rows;
}

const answers = (lists: readonly (readonly number[])[]) =>
  lists.map((ids, row) => ({ id: `${row % ROWS_PER_FILE}n`, ...maskedMean(ids) }));

test.each([
  ["parquet", {}],
  ["parquet", { tokens: 512 }],
  ["arrow", { rows: 5, tokens: 200 }],
] as const)(
  "rows in %s files, in batches of %j, have the model's results in input order",
  async (rows, batch) => {
    const { folder, lists } = await aJob({ map: { ...MAP, batch }, output: { path: "./out", rows } });
    await using _ = folder;
    const run = await runCli(["run", folder.job, "--workers", "1", "--lanes", "2", "--json"]);
    expect(run).toMatchObject({ code: 0 });
    expect(JSON.parse(run.stdout)).toMatchObject({ state: "published", rows: 600, shards: 6 });
    expect(await publishedRows(folder, rows)).toEqual(answers(lists));
  },
);

test("reductions read the lists, and a row with a null list becomes a dead letter", async () => {
  const { folder, lists } = await aJob({
    reduce: {
      lengths: {
        combine:
          "SELECT sum(len(scores)) AS positions, sum(len(tokens[1])) AS width, count(*) AS n FROM rows",
        final: "SELECT sum(positions)::BIGINT AS positions, sum(width)::BIGINT AS width FROM partials",
      },
    },
    errors: { maxRows: 1 },
  });
  await using _ = folder;
  await folder.writeData("data/part-2.parquet", idsTable([[1, 2], null, [3]]));
  const run = await runCli(["run", folder.job, "--workers", "1", "--json"]);
  expect(run).toMatchObject({ code: 3 });
  expect(await publishedRows(folder, "parquet")).toEqual([
    ...answers(lists),
    { id: "0n", ...maskedMean([1, 2]) },
    { id: "2n", ...maskedMean([3]) },
  ]);
  const positions = lists.reduce((total, { length }) => total + length, 3);
  expect(
    await query(`SELECT positions, width FROM read_parquet('${folder.out}/_reduced/lengths.pq')`),
  ).toEqual([[BigInt(positions), BigInt((lists.length + 2) * 3)]]);
  const dead = await query(`SELECT row, code FROM read_parquet('${folder.out}/_errors/*.pq')`);
  expect(dead).toEqual([[1n, "ROW_NULL"]]);
});

test("all problems of a job over uneven rows are reported at once before any work", async () => {
  const { folder } = await aJob({
    map: {
      inputs: { input_ids: { pad: 1e300 }, attention_mask: { mask: "input_id" } },
      outputs: { best: { tensor: "scores", op: "argmax" } },
    },
  });
  await using _ = folder;
  const run = await runCli(["run", folder.job]);
  expect(run).toMatchObject({ code: 2 });
  for (const line of [
    "map.inputs.input_ids.pad",
    "map.inputs.attention_mask.mask",
    "did you mean `input_ids`?",
    "map.outputs.best.op",
    "`op: pool`, for one vector a row",
  ])
    expect(run.stderr).toContain(line);
  expect(await folder.outNames()).toBeNull();
});

test("`column` and `pad` are refused together with `mask`", async () => {
  const { folder } = await aJob({
    map: { inputs: { attention_mask: { mask: "input_ids", column: "m", pad: 1 } }, batch: { tokens: 0 } },
  });
  await using _ = folder;
  const run = await runCli(["plan", folder.job]);
  expect(run).toMatchObject({ code: 2 });
  expect(run.stderr).toContain("`mask` and `column` exclude each other");
  expect(run.stderr).toContain("`mask` and `pad` exclude each other");
  expect(run.stderr).toContain("map.batch.tokens");
});

test("the plan shows which inputs are padded, and with which value", async () => {
  const { folder } = await aJob({ map: { ...MAP, batch: { tokens: 4096 } } });
  await using _ = folder;
  const run = await runCli(["plan", folder.job, ...WITHOUT_ESTIMATE]);
  expect(run.stdout).toContain("at most 4,096 tokens with padding");
  expect(run.stdout).toMatch(/input_ids\s+int64 \[N, positions\]\s+column input_ids \(padded with 7\)/);
  expect(run.stdout).toMatch(/attention_mask\s+int64 \[N, positions\]\s+mask of input_ids/);
  expect(run.stdout).toMatch(/tokens\s+tokens float32 \[N, positions, 3\]/);
});
