import { BUCKET_COLUMN } from "../../shared/domain/buckets.ts";
import { localPathOf } from "../../shared/domain/location.ts";
import type { HeavyKey } from "../../shared/domain/task-run.ts";
import { parquetScan, quoteIdentifier } from "../../shared/sql/quote.ts";
import { useDatabase } from "../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../shared/sql/sql-process-client.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import type { ReductionToRun, TaskResult } from "../publish/tasks-to-run.ts";
import type { ReduceOptions } from "./reduce-options.ts";

/** Times that a task reads the rows of the median task, from which its keys are counted. */
const UNEVEN = 4;
/** Rows of a task below which no unevenness costs users time. */
const FEW_ROWS = 1_000;
const MOST_KEYS = 3;
/** Limit of a key's text, which status and reports show. */
const MOST_CHARS = 100;
const BUCKET = quoteIdentifier(BUCKET_COLUMN);
const ROWS = quoteIdentifier("shardmill:rows");

/**
 * Returns the keys of uneven tasks that have more rows than the median task reads, heaviest first. Reads
 * only the buckets of uneven tasks. Empty: tasks are even, or their tables are not on this machine.
 *
 * @throws {SQL_FAILED}
 * @throws the signal's reason once it aborts
 */
export async function findHeavyKeys(
  { reduction: { spec }, tables }: Pick<ReductionToRun, "reduction" | "tables">,
  results: readonly Pick<TaskResult, "rowsRead" | "range">[],
  { paths, signal, memoryLimitBytes, open = openSqlProcess }: ReduceOptions,
): Promise<readonly HeavyKey[]> {
  const sizes = results.map(({ rowsRead }) => rowsRead);
  const limit = Math.max(FEW_ROWS, UNEVEN * median(sizes));
  const uneven = results.filter(({ rowsRead }) => rowsRead > limit);
  if (uneven.length === 0 || spec.by === undefined || !isOnThisMachine(paths.partials)) return [];
  const buckets = uneven.map(({ range }) => `${BUCKET} BETWEEN ${range.from} AND ${range.to - 1}`);
  const keys = spec.by.map(quoteIdentifier);
  const scan = parquetScan(tables.map(({ location }) => localPathOf(location)));
  const counted = `SELECT ${keys.join(", ")}, count(*) AS ${ROWS} FROM ${scan} WHERE ${buckets.join(" OR ")} GROUP BY ALL HAVING count(*) > ${median(sizes)}`;
  const texts = keys.map(
    (key, index) => `coalesce(left(${key}::VARCHAR, ${MOST_CHARS}), 'NULL') AS k${index}`,
  );
  const sql = `SELECT ${texts.join(", ")}, ${ROWS}::DOUBLE AS n FROM (${counted}) ORDER BY n DESC, ${keys.map((_, index) => `k${index}`).join(", ")} LIMIT ${MOST_KEYS}`;
  const database = open({
    folders: [paths.temp, localPathOf(paths.partials)],
    tables: { paths: {}, as: "read" },
    tempFolder: paths.temp,
    purpose: "result",
    signal,
    ...(memoryLimitBytes === undefined ? {} : { memoryLimitBytes }),
  });
  const found = await useDatabase(database, (opened) => opened.rows(sql), signal);
  return found.map((row) => ({ key: keyText(spec.by ?? [], row), rows: Number(row.n) }));
}

function median(sizes: readonly number[]): number {
  return [...sizes].sort((a, b) => a - b)[Math.floor((sizes.length - 1) / 2)] ?? 0;
}

function keyText(by: readonly string[], row: Readonly<Record<string, unknown>>): string {
  return by.map((name, index) => `${name} = ${row[`k${index}`]}`).join(", ");
}
