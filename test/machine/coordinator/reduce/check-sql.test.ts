import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { checkReductions } from "../../../../coordinator/reduce/check-sql.ts";
import { isShardmillError, type Problem } from "../../../../shared/core/errors.ts";
import type { Field } from "../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../shared/domain/job-spec.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";

const FIELDS: readonly Field[] = [
  { name: "label", type: { kind: "numeric", type: "int64" }, nullable: true },
  { name: "digit", type: { kind: "numeric", type: "int32" }, nullable: false },
  { name: "score", type: { kind: "numeric", type: "float32" }, nullable: false },
  {
    name: "vector",
    type: { kind: "fixedList", item: { kind: "numeric", type: "float32" }, length: 4 },
    nullable: false,
  },
  { name: "name", type: { kind: "string" }, nullable: true },
];
const OPTIONS = { signal: new AbortController().signal, open: openLockedDatabase };

let scratch: string;
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), "shardmill-check-"));
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

async function problemsOf(reduce: JobSpec["reduce"], fields = FIELDS): Promise<readonly Problem[]> {
  try {
    await checkReductions({ ...OPTIONS, reduce, fields, scratchFolder: scratch });
    return [];
  } catch (error) {
    if (isShardmillError(error, "SQL_INVALID")) return error.problems;
    throw error;
  }
}

test("reductions that can run have no problems", async () => {
  const problems = await problemsOf({
    confusion: {
      combine: "SELECT label, digit, count(*) AS n FROM rows GROUP BY ALL",
      final: "SELECT label, digit, sum(n)::BIGINT AS n FROM partials GROUP BY ALL ORDER BY ALL",
    },
    mean: {
      combine: "SELECT sum(score) AS s, count(*) AS n, sum(list_sum(vector)) AS v FROM rows;",
      final: "SELECT sum(s) / sum(n) AS mean FROM partials -- of all",
    },
    best: { final: "SELECT * FROM rows ORDER BY score DESC LIMIT 10" },
  });
  expect(problems).toEqual([]);
});

test("the problems of all reductions are reported together, each with its position", async () => {
  const problems = await problemsOf({
    a: {
      combine: "SELECT label, dgit, count(*) AS n FROM rows GROUP BY ALL",
      final: "SELECT count(* FROM partials",
    },
    b: { final: "SELECT lable FROM rows" },
    c: { combine: "SELECT count(*) AS n FROM rows", final: "SELECT sum(m) FROM partials" },
    d: { final: "SELECT label FROM rows; SELECT 1" },
    e: { final: "SELECT sum(name) FROM rows" },
    f: { final: "DELETE FROM rows" },
    g: { final: "SELECT 'x'::INTEGER AS i FROM rows" },
  });
  expect(problems.map(({ where }) => where)).toEqual([
    "reduce.a.combine line 1 column 15",
    "reduce.a.final line 1 column 16",
    "reduce.b.final line 1 column 8",
    "reduce.c.final line 1 column 12",
    "reduce.d.final",
    "reduce.e.final line 1 column 8",
    "reduce.f.final",
  ]);
  expect(problems[0]?.hint).toContain('"digit"');
});

test("`final` can read `rows` only without `combine`, and `partials` only with it", async () => {
  const problems = await problemsOf({
    a: { final: "SELECT * FROM partials" },
    b: { combine: "SELECT count(*) AS n FROM rows", final: "SELECT * FROM rows" },
    c: { combine: "SELECT count(*) AS n FROM rows", final: "SELECT n FROM partials" },
    d: { final: "SELECT * FROM partials" },
  });
  expect(problems.map(({ where }) => where.split(" ")[0])).toEqual([
    "reduce.a.final",
    "reduce.b.final",
    "reduce.d.final",
  ]);
});

test("partials have the types of `combine`, even if Parquet stores other types", async () => {
  const combine = "SELECT sum(label) AS s, 'a'::ENUM('a', 'b') AS e, max(INTERVAL 1 second) AS i FROM rows";
  const typed = (type: string) =>
    `SELECT CASE WHEN typeof(s) <> '${type}' THEN typeof(s)::INTEGER END AS a FROM partials`;
  expect(await problemsOf({ a: { combine, final: typed("HUGEINT") } })).toEqual([]);
  expect(await problemsOf({ a: { combine, final: typed("DOUBLE") } })).toHaveLength(1);
  const final = "SELECT epoch_us(max(i)) AS us, enum_first(max(e)) AS e FROM partials";
  expect(await problemsOf({ a: { combine, final } })).toEqual([]);
});

test("struct and timestamp columns are checked by their types", async () => {
  const place: Field = {
    name: "place",
    type: {
      kind: "struct",
      fields: [{ name: "at", type: { kind: "timestamp", unit: "second", zone: null }, nullable: true }],
    },
    nullable: true,
  };
  const problems = await problemsOf(
    {
      a: { final: "SELECT year(place.at) AS y FROM rows" },
      b: { combine: "SELECT place.at AS x FROM rows", final: "SELECT sum(x) AS x FROM partials" },
      c: { final: "SELECT place + 1 AS x FROM rows" },
    },
    [...FIELDS, place],
  );
  expect(problems.map(({ where }) => where.split(" ")[0])).toEqual(["reduce.b.final", "reduce.c.final"]);
});

test("a type that a file would change is refused with a hint what to select instead", async () => {
  const [problem] = await problemsOf({ a: { final: "SELECT max(INTERVAL 1 second) AS d FROM rows" } });
  expect(problem).toMatchObject({ where: "reduce.a.final", found: "INTERVAL" });
  expect(problem?.what).toContain("`d`");
  expect(problem?.hint).toContain("epoch_us");
});

test("SQL that reads a file is refused", async () => {
  const [problem] = await problemsOf({ a: { final: "FROM read_text('/etc/passwd')" } });
  expect(problem?.where).toContain("reduce.a.final");
});

test("an assertion in a user's SQL that rows exist does not fail the check", async () => {
  const final = "SELECT CASE WHEN count(*) = 0 THEN error('no rows') ELSE count(*) END AS n FROM rows";
  expect(await problemsOf({ a: { final } })).toEqual([]);
});

test("an abort stops endless SQL, and the check rejects with its reason", async () => {
  const stop = new AbortController();
  const final = "SELECT count(*) AS n FROM range(1000000000000)";
  const reduce = { endless: { final } };
  const checking = checkReductions({
    ...OPTIONS,
    reduce,
    fields: FIELDS,
    scratchFolder: scratch,
    signal: stop.signal,
  });
  setTimeout(() => stop.abort(new Error("stopped")), 100);
  await expect(checking).rejects.toThrow("stopped");
});

const COMBINE = "SELECT label, name, vector, count(*) AS n FROM rows GROUP BY ALL";

test("a final by key that treats each key alone has no problems", async () => {
  const problems = await problemsOf({
    groups: {
      by: ["label"],
      combine: COMBINE,
      final: "SELECT label, sum(n)::BIGINT AS n FROM partials GROUP BY label ORDER BY label",
    },
    alias: {
      by: ["LABEL", "name"],
      combine: COMBINE,
      final:
        "WITH a AS (SELECT name AS x, label AS y FROM partials) SELECT x, y, count(*) AS n FROM a GROUP BY ALL",
    },
    rows: { by: ["name"], final: "SELECT DISTINCT ON (name) * FROM rows ORDER BY name, score DESC" },
  });
  expect(problems).toEqual([]);
});

test.for([
  ["SELECT count(*) AS n FROM partials", "no GROUP BY"],
  ["SELECT name, sum(n)::BIGINT AS n FROM partials GROUP BY name", "GROUP BY name"],
  ["SELECT label, n FROM partials LIMIT 3", "LIMIT or OFFSET"],
  ["SELECT label, row_number() OVER (ORDER BY n) AS r FROM partials", "row_number(...) OVER ()"],
  ["SELECT DISTINCT name FROM partials", "DISTINCT (name)"],
  ["SELECT label, n / (SELECT max(n) FROM partials) AS share FROM partials", null],
  ["SELECT a.label, b.n FROM partials a JOIN partials b ON a.name = b.name", "INNER JOIN"],
  ["SELECT label::VARCHAR AS l, sum(n)::BIGINT AS n FROM partials GROUP BY 1", null],
  ["SELECT 1 AS a", undefined],
] as const)("a final by key is refused: %s", async ([final, found]) => {
  const [problem, ...others] = await problemsOf({ a: { by: ["label"], combine: COMBINE, final } });
  expect(others).toEqual([]);
  expect(problem?.where).toBe("reduce.a.final");
  expect(problem?.hint).toContain("remove `by`");
  if (found !== null) expect(problem?.found).toBe(found);
});

test("keys that `final` does not read, or that do not compare by value, are refused", async () => {
  const final = "SELECT label, count(*) AS n FROM partials GROUP BY label";
  const problems = await problemsOf({ a: { by: ["lable", "vector"], combine: COMBINE, final } });
  expect(problems).toMatchObject([
    { where: "reduce.a.by", found: "lable", hint: "did you mean `label`?" },
    { where: "reduce.a.by", found: "FLOAT[]" },
  ]);
});

test("a combine with an assertion that rows exist cannot have keys", async () => {
  const combine = "SELECT CASE WHEN count(*) = 0 THEN error('no rows') ELSE count(*) END AS n FROM rows";
  const problems = await problemsOf({ a: { by: ["n"], combine, final: "SELECT DISTINCT n FROM partials" } });
  expect(problems).toMatchObject([{ where: "reduce.a.combine" }]);
});
