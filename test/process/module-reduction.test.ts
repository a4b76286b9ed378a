import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { code } from "../../extensions/code/extension.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { present } from "../../shared/core/assert.ts";
import { reductionContract } from "../contract/reduction-contract.ts";
import { smallTable } from "../support/sample-table.ts";

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-module-reduction-"));
});

afterAll(async () => {
  await rm(root, { recursive: true });
});

const SUMS = `import { defineReduction } from "shardmill";
async function add(rows: AsyncIterable<{ x: number }>) {
  let x = 0;
  let n = 0;
  for await (const row of rows) {
    x += row.x;
    n += 1;
  }
  return [{ x, n }];
}
export default defineReduction({
  reads: { x: "float32" },
  combined: { x: "float64", n: "int32" },
  columns: { x: "float64", n: "int32" },
  combine: ({ rows }) => add(rows),
  final: ({ rows }) => add(rows),
});`;

const part = present(code.reductions?.[0], "own code has reductions");

async function sourceOf(text: string) {
  const path = join(root, "sums.ts");
  await writeFile(path, text);
  return { where: "reduce.sums", file: await part.program.make(path, "reduce.sums", NEVER) };
}

function batchOf(rows: number): RecordBatch {
  return present(smallTable(rows).select(["x"]).batches[0], "a table of rows has a record batch");
}

reductionContract("a module", async () => {
  return { open: part.open, source: await sourceOf(SUMS), shards: [batchOf(40), batchOf(7)] };
});

test("a module that returns after its first row gets no second record batch", async () => {
  const first = SUMS.replace("n += 1;", "return [{ x: row.x, n: 1 }];");
  await using reduction = await part.open(await sourceOf(first));
  let given = 0;
  function* batches() {
    for (; given < 50; given += 1) yield batchOf(3);
  }
  const made = await reduction.combine(batches(), NEVER);
  expect(made.toArray().map((row) => row?.toJSON())).toMatchObject([{ n: 1 }]);
  // The counter grows when the batch after the first one is requested.
  expect(given).toBe(0);
});
