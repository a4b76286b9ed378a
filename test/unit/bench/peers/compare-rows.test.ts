import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { comparisonSql, judge } from "../../../../bench/peers/compare-rows.ts";
import type { ColumnKind } from "../../../../bench/peers/peer-job.ts";
import { openLockedDatabase } from "../../../../shared/sql/locked-database.ts";

const KINDS = new Map<string, ColumnKind>([
  ["id", "kept"],
  ["label", "kept"],
  ["class", "class"],
  ["score", "number"],
  ["embedding", "vector"],
  ["meaning", "direction"],
]);
const ROWS = 20_000;

/** Returns SQL of a row for each `i`: the reference, or with one change. */
function tableSql({
  score = "i / 7",
  label = "i % 3",
  klass = "i % 10",
  vector = "[i, 1, 0]",
  meaning = "[cos(i), sin(i)]",
  id = "i",
} = {}) {
  return `SELECT ${id} AS id, ${label} AS label, ${klass} AS class, (${score})::FLOAT AS score,
    (${vector})::FLOAT[] AS embedding, (${meaning})::FLOAT[] AS meaning FROM range(${ROWS}) AS t(i)`;
}

async function compare(other: string): Promise<string | null> {
  await using database = await openLockedDatabase({ folders: [], tempFolder: tmpdir() });
  await database.run(`CREATE TABLE reference AS ${tableSql()}`);
  await database.run(`CREATE TABLE other AS ${other}`);
  const [counts = {}] = await database.rows(comparisonSql("other", "id", KINDS));
  return judge(counts, KINDS);
}

describe("the comparison of rows", () => {
  it("accepts the same rows in any order, with scores rounded differently and one tied class", async () => {
    const other = tableSql({
      score: "i / 7 * (1 + 1e-5)",
      vector: "[i * (1 - 1e-5), 1, 1e-7]",
      meaning: "[cos(i + 0.01), sin(i + 0.01)]",
      klass: "CASE WHEN i = 4 THEN 5 ELSE i % 10 END",
    });
    expect(await compare(`${other} ORDER BY i DESC`)).toBeNull();
  });

  it.each([
    ["a row is missing", `${tableSql()} WHERE i <> 5`, "19999 rows with 19999 of the 20000 keys"],
    ["a key occurs twice", tableSql({ id: "greatest(i, 1)" }), "20000 rows with 19999 of the 20000 keys"],
    ["a kept value differs", tableSql({ label: "if(i = 5, 9, i % 3)" }), "1 rows with another label"],
    ["a kept value is null", tableSql({ label: "if(i = 5, NULL, i % 3)" }), "1 rows with another label"],
    ["a score differs", tableSql({ score: "if(i = 700, 101, i / 7)" }), "1 rows with another score"],
    ["a score is null", tableSql({ score: "if(i = 700, NULL, i / 7)" }), "1 rows with another score"],
    [
      "a vector differs",
      tableSql({ vector: "if(i = 7, [7, 1, 0.1], [i, 1, 0])" }),
      "1 rows with another embedding",
    ],
    [
      "a vector is too short",
      tableSql({ vector: "if(i = 7, [7, 1], [i, 1, 0])" }),
      "1 rows with another embedding",
    ],
    [
      "a direction differs",
      tableSql({ meaning: "if(i = 7, [cos(7.3), sin(7.3)], [cos(i), sin(i)])" }),
      "1 rows with another meaning",
    ],
    [
      "a direction is zero",
      tableSql({ meaning: "if(i = 7, [0, 0], [cos(i), sin(i)])" }),
      "1 rows with another meaning",
    ],
    ["too many classes differ", tableSql({ klass: "if(i < 3, 11, i % 10)" }), "3 rows with another class"],
  ])("detects that %s", async (_what, other, found) => {
    expect(await compare(other)).toBe(found);
  });
});
