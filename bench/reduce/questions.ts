/** Column that a bench reduces by, and the SQL of each way to reduce. `T` is the table. */
interface Question {
  readonly title: string;
  readonly by: string;
  /** SELECT over all rows, which DuckDB, Spark and Daft run as it is. Its sums are of integers. */
  readonly whole: string;
  /** The same in two parts, for a job. Null: `whole` runs over the rows. */
  readonly combine: string | null;
  readonly final: string;
}

/** Questions of a bench, as users ask them: few groups, many groups, distinct rows, and a join. */
export const QUESTIONS = {
  few: {
    title: "200 groups",
    by: "country",
    whole:
      "SELECT country, count(*) AS n, CAST(sum(cents) AS BIGINT) AS cents, max(seen) AS last FROM T GROUP BY country",
    combine:
      "SELECT country, count(*) AS n, sum(cents)::BIGINT AS cents, max(seen) AS last FROM rows GROUP BY country",
    final:
      "SELECT country, sum(n)::BIGINT AS n, sum(cents)::BIGINT AS cents, max(last) AS last FROM partials GROUP BY country",
  },
  many: {
    title: "one group in five rows",
    by: "user_id",
    whole:
      "SELECT user_id, count(*) AS n, CAST(sum(cents) AS BIGINT) AS cents, max(seen) AS last FROM T GROUP BY user_id",
    combine:
      "SELECT user_id, count(*) AS n, sum(cents)::BIGINT AS cents, max(seen) AS last FROM rows GROUP BY user_id",
    final:
      "SELECT user_id, sum(n)::BIGINT AS n, sum(cents)::BIGINT AS cents, max(last) AS last FROM partials GROUP BY user_id",
  },
  distinct: {
    title: "distinct texts",
    by: "url",
    whole: "SELECT DISTINCT url, country FROM T",
    combine: "SELECT DISTINCT url, country FROM rows",
    final: "SELECT DISTINCT url, country FROM partials",
  },
  // Every column has a name: DuckDB, Spark and Daft name `a.order_id` differently.
  join: {
    title: "orders joined with visits",
    by: "order_id",
    whole:
      "SELECT a.order_id AS order_id, a.cents AS cents, b.url AS url FROM T a JOIN T b ON a.order_id = b.order_id WHERE a.kind = 'order' AND b.kind = 'visit'",
    combine: null,
    final:
      "SELECT a.order_id AS order_id, a.cents AS cents, b.url AS url FROM rows a JOIN rows b ON a.order_id = b.order_id WHERE a.kind = 'order' AND b.kind = 'visit'",
  },
} as const satisfies Readonly<Record<string, Question>>;

export type QuestionName = keyof typeof QUESTIONS;

/** Returns a SELECT of realistic rows: a few users and pages are frequent, and some values are null. */
export function visitsSql(rows: number, from: number, to: number): string {
  const often = (salt: number, count: number) =>
    `floor(pow(hash(i * ${salt}) / 18446744073709551616.0, 2) * ${count})::BIGINT`;
  const orders = Math.max(1, Math.floor(rows / 4));
  return `SELECT i AS id, CASE WHEN i % 4 = 3 THEN 'order' ELSE 'visit' END AS kind,
    CASE WHEN i % 4 = 3 THEN i // 4 WHEN i % 4 = 0 THEN (i * 7919 + 13) % ${orders} END AS order_id,
    ${often(3, Math.ceil(rows / 5))} AS user_id, 'c' || ${often(5, 200)} AS country,
    'https://example.org/pages/' || ${often(7, Math.ceil(rows / 2))} AS url,
    (hash(i * 11) % 100000)::INTEGER AS cents, (hash(i * 13) % 31536000)::BIGINT AS seen
    FROM range(${from}, ${to}) t(i)`;
}
