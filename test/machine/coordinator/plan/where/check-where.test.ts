import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkWhere } from "../../../../../coordinator/plan/where/check-where.ts";
import { isShardmillError } from "../../../../../shared/core/errors.ts";
import type { Field, FieldType } from "../../../../../shared/domain/dataset.ts";
import { openLockedDatabase } from "../../../../../shared/sql/locked-database.ts";

const field = (name: string, type: FieldType): Field => ({ name, type, nullable: true });
const FIELDS: readonly Field[] = [
  field("id", { kind: "numeric", type: "int64" }),
  field("score", { kind: "numeric", type: "float64" }),
  field("lang", { kind: "string" }),
  field("Lang", { kind: "string" }),
  field("day", { kind: "date", unit: "day" }),
  field("seen", { kind: "timestamp", unit: "microsecond", zone: null }),
  field("ok", { kind: "numeric", type: "bool" }),
  field("part", { kind: "struct", fields: [field("a", { kind: "numeric", type: "int32" })] }),
  field("either", { kind: "union", fields: [field("a", { kind: "numeric", type: "int32" })] }),
];

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-where-"));
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

function check(sql: string) {
  const { signal } = new AbortController();
  return checkWhere({ sql, fields: FIELDS, scratchFolder: folder, signal, open: openLockedDatabase });
}

async function problemOf(sql: string) {
  const error: unknown = await check(sql).then(
    () => new Error(`${sql} was accepted`),
    (failure: unknown) => failure,
  );
  if (!isShardmillError(error, "SQL_INVALID")) throw error;
  expect(error.problems).toHaveLength(1);
  return error.problems[0];
}

test.for([
  ["lang = 'en' AND length(lang) > 20", ["lang"]],
  ["id > 3 -- as before", ["id"]],
  ["id > 3 OR part.a = 1", ["id", "part"]],
  ["score < 'inf'", ["score"]],
  ["true", []],
  ["age(seen, seen) > INTERVAL 1 DAY", ["seen"]],
  ["list_filter([1, 2], x -> x > id) = [1]", ["id"]],
] as const)("the condition %s reads the columns %s", async ([sql, columns]) => {
  const { step } = await check(sql);
  expect([step.where, step.reads]).toEqual(["input.where", columns]);
  expect(step.columns.map(({ name, from }) => [name, from])).toEqual(FIELDS.map(({ name }) => [name, name]));
});

test.for([
  ["", "the condition is empty"],
  ["  -- nothing", "the condition is empty"],
  ["id", "not a condition"],
  ["lang", "not a condition"],
  ["id > 3; SELECT 1", "more than a condition"],
  ["id > 3 ORDER BY 1", "more than a condition"],
  ["id > 3 LIMIT 1", "more than a condition"],
  ["true UNION SELECT 2", "more than a condition"],
  ["true QUALIFY true", "more than a condition"],
  ["true USING SAMPLE 3", "more than a condition"],
  ["true) OR (true", "syntax error"],
  ["id > 3;", "syntax error"],
  ["id >", "syntax error"],
  ["id > (SELECT 3)", "a subquery"],
  ["EXISTS (FROM read_text('/etc/passwd'))", "a subquery"],
  ["id IN (FROM range(3))", "a subquery"],
  ["sum(id) > 3", "aggregates"],
  ["row_number() OVER () > 1", "window functions"],
  ["unnest([true])", "UNNEST"],
  ["read_text('/etc/passwd') = 'x'", "`read_text` is not a function"],
  ["write_log('x') IS NULL", "`write_log` is not a function"],
  ["random() > 0.5", "`random` is not a function"],
  ["uuid()::VARCHAR > lang", "`uuid` is not a function"],
  ["now() > seen", "`now` is not a function"],
  ["current_date > day", "`current_date` is not a function"],
  ["ago(INTERVAL 1 DAY) < seen", "`get_current_timestamp` is not a function"],
  ["age(seen) > INTERVAL 1 DAY", "`age` is not a function"],
  ["getvariable('a') = 1", "`getvariable` is not a function"],
  ["current_setting('threads') = '1'", "`current_setting` is not a function"],
  ["id > $1", "parameters"],
  ["columns('(lang|Lang_1)') = 'x'", "not a condition"],
  ["rowid > 3", "`rowid` is not a column"],
  [`"Lang_1" = 'en'`, "cannot distinguish the columns `lang` and `Lang`"],
  ["day > 'yesterday'", "invalid date"],
  ["lang > 3", "cannot compare"],
] as const)("the condition %s is refused: %s", async ([sql, what]) => {
  const problem = await problemOf(sql);
  expect(problem?.where).toMatch(/^input\.where\b/);
  expect(problem?.what).toContain(what);
});

test("numbers that JSON cannot hold are compared exactly", async () => {
  const { predicate } = await check("id > 9007199254740993");
  expect(predicate).toMatchObject({ of: [{ right: { kind: "constant", value: 9_007_199_254_740_993n } }] });
});

test("a problem has its line and column in the SQL", async () => {
  expect(await problemOf("id > 3\n  AND nope = 4")).toMatchObject({
    where: "input.where line 2 column 7",
    what: 'referenced column "nope" not found in FROM clause\n    AND nope = 4\n        ^',
  });
});

test("a column whose type SQL does not support is named in the hint", async () => {
  expect(await problemOf("either IS NULL")).toMatchObject({
    hint: "column `either` has a type that SQL cannot hold: union<a: int32>",
  });
});
