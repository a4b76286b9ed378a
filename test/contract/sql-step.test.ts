import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, Float16, Float64, Int32, List, type RecordBatch, Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { digestFile } from "../../shared/core/digest.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { localPathOf, parseLocation } from "../../shared/domain/location.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
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

const JOINS = {
  "a SELECT with several matches of a row":
    "SELECT id, half, n, letter FROM rows JOIN codes USING (text) WHERE n <> 11",
  "a SELECT with rows without a match":
    "SELECT rows.*, c.letter, unnest(items) AS item FROM rows LEFT JOIN codes c ON rows.text = c.text AND c.n > id",
  "a SELECT that joins a table twice":
    "SELECT r.id, a.n AS a, b.n AS b FROM rows r JOIN codes a ON a.n % 5 = r.id % 5 LEFT JOIN codes b ON b.n < a.n AND b.n > a.n - 4",
  "a SELECT of rows with a match": "SELECT *, id + 1 AS next FROM rows SEMI JOIN codes USING (text)",
  "a SELECT of rows without a match": "SELECT id, text FROM rows ANTI JOIN codes USING (text)",
};

/** Three letters for every second text, last ones first. */
const CODES = `SELECT 't' || (2 * (n // 3)) AS text, n, chr((97 + n % 3)::INTEGER) AS letter
  FROM (SELECT 59 - range AS n FROM range(60))`;

let root: string;
let codes: StepFile;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-codes-"));
  const path = join(root, "codes.parquet");
  await using database = await openLockedDatabase({ folders: [root], threads: 1, tempFolder: root });
  await database.copyOwn({ where: "codes", sql: CODES }, path);
  codes = { location: parseLocation(path), ...(await digestFile(path, NEVER)) };
});
afterAll(() => rm(root, { recursive: true, force: true }));

for (const [name, sql] of Object.entries({ ...SELECTS, ...JOINS })) {
  stepContract(name, async () => {
    const folder = await mkdtemp(join(tmpdir(), "shardmill-plan-"));
    try {
      const tables = { paths: { codes: localPathOf(codes.location) }, as: "empty" } as const;
      await using database = await openLockedDatabase({
        folders: [folder],
        tables,
        threads: 1,
        tempFolder: folder,
      });
      const rows = someRows();
      const planned = await planSql({ where: "sql", sql }, fieldsOf(rows.schema), database, folder);
      if (planned.kind === "refused") throw new Error(JSON.stringify(planned.problems));
      const step = { ...planned.step, files: sql.includes("codes") ? [codes] : [] };
      return { plan: step, open: (options) => openStep(step, options), rows };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
