import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import type { Field, FieldType } from "../../../../shared/domain/dataset.ts";
import { pruneSteps, type StepBinding } from "../../../../shared/domain/step-binding.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { planSql } from "../../../../shared/steps/plan-sql.ts";
import { smallTable } from "../../../support/sample-table.ts";

const INT: FieldType = { kind: "numeric", type: "int32" };
const fieldOf = (name: string, type: FieldType): Field => ({ name, type, nullable: true });
const FIELDS = [
  fieldOf("id", INT),
  fieldOf("text", { kind: "string" }),
  fieldOf("items", { kind: "list", item: INT }),
  fieldOf("half", { kind: "numeric", type: "float16" }),
  fieldOf("mixed", { kind: "union", fields: [fieldOf("a", INT)] }),
];

let folder: string;
let database: LockedDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-plan-sql-"));
  const codes = join(folder, "codes.parquet");
  await writeFile(codes, encodeParquet(smallTable(3)));
  const tables = { paths: { Codes: codes }, as: "empty" } as const;
  database = await openLockedDatabase({ folders: [folder], tables, threads: 1, tempFolder: folder });
});
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function planned(sql: string, fields: readonly Field[] = FIELDS): Promise<StepBinding> {
  const result = await planSql({ where: "sql", sql }, fields, database, folder);
  if (result.kind === "refused") throw new Error(result.problems.map(({ what }) => what).join("; "));
  return result.step;
}

const columnsOf = ({ columns }: StepBinding) =>
  columns.map(({ name, from, type }) => (from === null ? `${name}: ${type.kind}` : `${name} = ${from}`));

describe("a SELECT that computes each result from one row", () => {
  test.each([
    ["SELECT * FROM rows", [], ["id = id", "text = text", "items = items", "half = half", "mixed = mixed"]],
    ["SELECT id AS key, mixed FROM rows WHERE text = 'a'", ["text"], ["key = id", "mixed = mixed"]],
    ["SELECT ID, R.half FROM rows AS r", [], ["id = id", "half = half"]],
    [
      "SELECT * EXCLUDE (mixed, items), id + 1 AS n FROM rows",
      ["id"],
      ["id = id", "text = text", "half = half", "n: numeric"],
    ],
    [
      "SELECT * EXCLUDE (mixed) REPLACE (upper(text) AS text) FROM rows",
      ["text"],
      ["id = id", "text: string", "items = items", "half = half"],
    ],
    ["SELECT id, unnest(items) AS item FROM rows", ["items"], ["id = id", "item: numeric"]],
    ["SELECT (SELECT max(i) FROM unnest(items) t(i)) AS most FROM rows", ["items"], ["most: numeric"]],
    ["SELECT list_transform(items, x -> x + id) AS moved FROM rows", ["id", "items"], ["moved: list"]],
    ["SELECT 1 AS one FROM rows -- and no more", [], ["one: numeric"]],
    ["/* first */ -- second\n SELECT id FROM rows;", [], ["id = id"]],
    ["SELECT CASE WHEN id < 0 THEN error('negative') ELSE id END AS id FROM rows", ["id"], ["id: numeric"]],
  ])("is planned: %s", async (sql, reads, columns) => {
    const step = await planned(sql);
    expect(step.reads).toEqual(reads);
    expect(columnsOf(step)).toEqual(columns);
  });
});

describe("a SELECT that joins `rows` with a table of the job", () => {
  const ALL = ["id = id", "text = text", "items = items", "half = half", "mixed = mixed"];
  test.each([
    ["SELECT rows.*, name FROM rows JOIN codes USING (id)", ["id"], [...ALL, "name: string"]],
    [
      "SELECT id, c.* EXCLUDE (id) FROM rows LEFT JOIN CODES c USING (id)",
      ["id"],
      ["id = id", "x: numeric", "name: string"],
    ],
    [
      "SELECT * EXCLUDE (codes.id, codes.x) FROM rows JOIN codes ON rows.id = codes.id AND text = name",
      ["id", "text"],
      [...ALL, "name: string"],
    ],
    ["SELECT text, c FROM rows, codes c WHERE c.id = 1", [], ["text = text", "c: struct"]],
    ["SELECT text FROM rows SEMI JOIN codes USING (id)", ["id"], ["text = text"]],
    ["SELECT half FROM rows r ANTI JOIN codes ON codes.id = len(r.items)", ["items"], ["half = half"]],
    [
      "SELECT r.id, a.x AS a, b.x AS b FROM rows r JOIN codes a USING (id) JOIN codes b ON b.id = a.id + 1",
      ["id"],
      ["id = id", "a: numeric", "b: numeric"],
    ],
  ])("is planned: %s", async (sql, reads, columns) => {
    const step = await planned(sql);
    expect(step.reads).toEqual(reads);
    expect(columnsOf(step)).toEqual(columns);
    expect(step.op).toMatchObject({ joins: { tables: ["Codes"] } });
  });

  test.each([
    ["SELECT id FROM rows RIGHT JOIN codes USING (id)", "uses RIGHT JOIN"],
    ["SELECT rows.id FROM rows FULL JOIN codes USING (id)", /uses (FULL|OUTER) JOIN/],
    ["SELECT text FROM rows NATURAL JOIN codes", "uses NATURAL JOIN"],
    ["SELECT text FROM rows POSITIONAL JOIN codes", "uses POSITIONAL JOIN"],
    ["SELECT text FROM rows ASOF JOIN codes ON rows.id >= codes.id", "uses ASOF JOIN"],
    ["SELECT text FROM codes JOIN rows USING (id)", "does not begin with `rows`"],
    ["SELECT id FROM codes", "does not select from `rows`"],
    ["SELECT text FROM rows JOIN (SELECT * FROM codes) c USING (id)", "joins `rows` with something else"],
    ["SELECT text FROM rows WHERE id IN (SELECT id FROM codes)", "reads `codes` in a subquery"],
    ["SELECT (SELECT max(x) FROM codes) AS x FROM rows", "reads `codes` in a subquery"],
    ["SELECT * FROM rows JOIN codes ON true", "two columns of the result are named `id`"],
    ["SELECT codes.rowid AS r FROM rows JOIN codes USING (id)", "names `rowid`"],
    ["SELECT count(*) AS n FROM rows JOIN codes USING (id)", "aggregates rows"],
    ["SELECT text FROM rows JOIN others USING (id)", "others"],
    ["SELECT rows.id FROM rows JOIN codes ON rows.id = codes.id AND mixed IS NULL", "column `mixed`"],
  ])("is refused: %s", async (sql, why) => {
    await expect(planned(sql)).rejects.toThrow(why);
  });
});

describe("an unsupported SELECT", () => {
  test.each([
    ["SELECT id FROM rows ORDER BY id", "has ORDER BY"],
    ["SELECT id FROM rows LIMIT 5", "has LIMIT"],
    ["SELECT DISTINCT id FROM rows", "has DISTINCT"],
    ["SELECT id FROM rows GROUP BY id", "groups rows"],
    ["SELECT count(*) FROM rows", "aggregates rows (`count_star`)"],
    ["SELECT max(id) AS m FROM rows", "aggregates rows (`max`)"],
    ["SELECT id FROM rows WHERE id = max(id) OVER ()", "window"],
    ["SELECT id FROM rows QUALIFY row_number() OVER () = 1", "QUALIFY"],
    ["SELECT id FROM rows UNION ALL SELECT id FROM rows", "is not one SELECT"],
    ["WITH r AS (SELECT * FROM rows) SELECT id FROM r", "has a WITH"],
    ["SELECT a.id FROM rows a, rows b", "joins `rows`"],
    ["SELECT id, x FROM rows, unnest(items) AS t(x)", "joins `rows`"],
    ["SELECT id FROM (SELECT * FROM rows)", "does not select from `rows`"],
    ["SELECT 1 AS one", "does not select from `rows`"],
    ["SELECT (SELECT sum(id) FROM rows) AS s FROM rows", "looks at `rows` more than once"],
    ["SELECT id FROM rows USING SAMPLE 5", "takes a sample"],
    ["SELECT id FROM rows TABLESAMPLE 10%", "takes a sample"],
    ["SELECT random() AS r FROM rows", "calls `random`"],
    ["SELECT (SELECT now()) AS r FROM rows", "calls `now`"],
    ["SELECT current_date AS d FROM rows", "calls `current_date`"],
    ["SELECT rowid FROM rows", "names `rowid`"],
    ["SELECT rows.RowID AS r FROM rows", "names `rowid`"],
    ["FROM rows", "does not begin with SELECT"],
    ["SELECT id, id FROM rows", "two columns of the result are named `id`"],
    ["SELECT *, id + 1 AS ID FROM rows", "two columns of the result are named"],
    ["SELECT mixed IS NULL AS n FROM rows", "computes with column `mixed`: Parquet has no unions"],
    ["SELECT rows AS r FROM rows", "computes with column `mixed`"],
    ["SELECT nothing FROM rows", "nothing"],
    ["SELECT id FROM rows; SELECT 1", "more than one statement"],
    ["SELECT * FROM read_csv('x')", "read_csv"],
    ["INSERT INTO rows SELECT * FROM rows", "not a SELECT"],
    ["SELECT INTERVAL 1 DAY AS i FROM rows", "column `i` cannot be written"],
  ])("is refused: %s", async (sql, why) => {
    await expect(planned(sql)).rejects.toThrow(why);
  });

  const ALIKE = [fieldOf("a", INT), fieldOf("A", INT), fieldOf("A_1", INT), fieldOf("b", INT)];

  test.each([
    ["SELECT a FROM rows", "`a` and `A`"],
    ["SELECT A AS x FROM rows", "`a` and `A`"],
    ["SELECT *, a + 1 AS n FROM rows", "`a` and `A`"],
    ["SELECT * EXCLUDE (a) FROM rows", "`a` and `A`"],
    ["SELECT * FROM rows WHERE A > 3", "`a` and `A`"],
    ["SELECT rows AS r FROM rows", "`a` and `A`"],
    ["SELECT A_1 FROM rows", "`a` and `A`"],
    ["SELECT A_1_1 FROM rows", "`A` and `A_1`"],
  ])("is refused if the names of its columns differ only in case: %s", async (sql, which) => {
    await expect(planned(sql, ALIKE)).rejects.toThrow(`cannot distinguish the columns ${which}`);
  });

  test("columns whose names differ only in case may be selected unchanged with `*`", async () => {
    const step = await planned("SELECT *, b + 1 AS n FROM rows WHERE b > 0", ALIKE);
    expect(step.reads).toEqual(["b"]);
    expect(columnsOf(step)).toEqual(["a = a", "A = A", "A_1 = A_1", "b = b", "n: numeric"]);
  });
});

test("pruneSteps keeps only columns that a later step or an output needs", async () => {
  const first = await planned("SELECT *, id + 1 AS n, upper(text) AS loud FROM rows WHERE id > 0");
  const behind = first.columns.map(({ name, type }) => fieldOf(name, type));
  const second = await planned("SELECT half AS h, n * 2 AS twice, loud FROM rows", behind);
  const { steps, needed } = pruneSteps([first, second], ["h", "twice"]);
  expect(steps.map(columnsOf)).toEqual([
    ["half = half", "n: numeric"],
    ["h = half", "twice: numeric"],
  ]);
  expect([...needed].sort()).toEqual(["half", "id", "text"]);
});
