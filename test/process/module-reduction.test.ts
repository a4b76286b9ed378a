import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RecordBatch } from "apache-arrow";
import { afterAll, beforeAll } from "vitest";
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

reductionContract("a module", async () => {
  const part = present(code.reductions?.[0], "own code has reductions");
  const path = join(root, "sums.ts");
  await writeFile(path, SUMS);
  const source = { where: "reduce.sums", file: await part.program.make(path, "reduce.sums", NEVER) };
  const batchOf = (rows: number): RecordBatch => {
    return present(smallTable(rows).select(["x"]).batches[0], "a table of rows has a record batch");
  };
  return { open: part.open, source, shards: [batchOf(40), batchOf(7)] };
});
