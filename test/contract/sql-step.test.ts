import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, Float16, Float64, Int32, List, type RecordBatch, Utf8, vectorFromArray } from "apache-arrow";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { openLockedDatabase } from "../../shared/sql/locked-database.ts";
import { openStep } from "../../shared/steps/open-step.ts";
import { planSql } from "../../shared/steps/plan-sql.ts";
import { only, tableOf } from "../support/sample-table.ts";
import { stepContract } from "./step-contract.ts";

const ROWS = 40;

/** Returns rows with numbers, texts with nulls, lists of 0 to 3 items, and halves. */
function someRows(): RecordBatch {
  const of = <T>(value: (row: number) => T) => Array.from({ length: ROWS }, (_, row) => value(row));
  const items = of((row) =>
    row % 7 === 6 ? null : Array.from({ length: row % 4 }, (_, item) => row + item / 4),
  );
  const table = tableOf({
    id: only(
      vectorFromArray(
        of((row) => row),
        new Int32(),
      ),
    ),
    text: only(
      vectorFromArray(
        of((row) => (row % 5 === 0 ? null : `t${row}`)),
        new Utf8(),
      ),
    ),
    items: only(vectorFromArray(items, new List(new Field("item", new Float64(), true)))),
    half: only(
      vectorFromArray(
        of((row) => row / 2),
        new Float16(),
      ),
    ),
  });
  const [batch] = table.batches;
  if (batch === undefined) throw new Error("one record batch");
  return batch;
}

const SELECTS = {
  "a SELECT that computes": "SELECT *, id * 2 AS twice, upper(text) AS loud FROM rows",
  "a SELECT that drops rows":
    "SELECT id, half, length(text) AS n FROM rows WHERE text IS NOT NULL AND id % 3 <> 0",
  "a SELECT that makes several rows of one":
    "SELECT id, half, unnest(items) AS item, unnest(range(len(items))) AS part FROM rows",
  "a SELECT with subqueries":
    "SELECT id, unnest(items) AS item, (SELECT max(i) FROM unnest(items) t(i)) AS most FROM rows AS r WHERE id IN (SELECT round(i) FROM unnest(items) t(i)) OR id % 2 = 0",
  "a SELECT that drops every row": "SELECT * FROM rows WHERE id < 0",
  "a SELECT that reads nothing": "SELECT 1 AS one, id FROM rows",
};

for (const [name, sql] of Object.entries(SELECTS)) {
  stepContract(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "shardmill-plan-"));
    try {
      await using database = await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder });
      const rows = someRows();
      const planned = await planSql({ where: "sql", sql }, fieldsOf(rows.schema), database, folder);
      if (planned.kind === "refused") throw new Error(JSON.stringify(planned.problems));
      const { step } = planned;
      return { plan: step, open: (options) => openStep(step, options), rows };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
