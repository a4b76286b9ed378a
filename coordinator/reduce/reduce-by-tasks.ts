import { type BucketRange, divideBuckets } from "../../shared/domain/buckets.ts";
import { assertLaw } from "../../shared/domain/laws.ts";
import { reducedFile } from "../../shared/domain/partial-layout.ts";
import type { TableFile } from "../../shared/domain/reduction-tasks.ts";
import type { PartReduction } from "../../shared/reduce/reduce-part.ts";
import { reducedPartPath } from "../publish/layout.ts";
import type { Part } from "../publish/publish-way.ts";
import {
  commitsDigest,
  type ReductionToRun,
  type RunTasks,
  type TaskResult,
} from "../publish/tasks-to-run.ts";
import { findHeavyKeys } from "./heavy-keys.ts";
import type { ReduceOptions } from "./reduce-options.ts";
import { checkTables } from "./reduce-sources.ts";

/** Buckets of each task, and what runs the tasks. */
type Divided = { readonly ranges: readonly BucketRange[]; readonly run: RunTasks };

/** Returns the tasks of a reduction. Empty: one part is enough, or tasks cannot be run. */
export function dividedInto(
  name: string,
  { reduce, partials, partBytes, runTasks: run }: ReduceOptions,
): [string, Divided][] {
  if (run === undefined || reduce[name]?.by === undefined) return [];
  const ranges = divideBuckets(sum(partials.map((each) => reducedFile(each, name).bytes)), partBytes);
  return ranges.length < 2 ? [] : [[name, { ranges, run }]];
}

/**
 * Runs the parts of a reduction by key as tasks, and takes over their files. Without workers, this process
 * runs them, by `byItself`.
 *
 * Law `reduced-of-the-commits`: the tasks know the digest of the partials that they are of, and so do their
 * results.
 */
export async function reduceByTasks(
  reduction: PartReduction,
  { ranges, run }: Divided,
  options: ReduceOptions & { readonly byItself: () => Promise<readonly Part[]> },
): Promise<readonly Part[]> {
  const { name } = reduction;
  const tables = await checkTables(name, options);
  const commits = commitsDigest(options.partials);
  const toRun = { kind: "reduction" as const, reduction, tables, commits, ranges };
  const results = await run(toRun, options.signal).catch(async (error: unknown) => {
    options.signal.throwIfAborted();
    // A table that was damaged meanwhile may be the cause. Then its shard runs again.
    await checkTables(name, options);
    throw error;
  });
  if (results === null) return await options.byItself();
  for (const { commits: made } of results)
    assertLaw("reduced-of-the-commits", made === commits, `a result of ${name} is of other commits`);
  await noteHeavyKeys(toRun, results, options);
  checkRowsRead(name, tables, sum(results.map(({ rowsRead }) => rowsRead)));
  return results.map(({ file: { rows, bytes, sha256 }, from }, index) => {
    const path = reducedPartPath(name, index, results.length);
    return { from, output: { path, kind: "reduced", rows, bytes, sha256 } };
  });
}

/** Counts the keys of uneven tasks. Their names are advice, so the job goes on without them. */
async function noteHeavyKeys(
  tasks: ReductionToRun,
  results: readonly TaskResult[],
  options: ReduceOptions,
): Promise<void> {
  if (options.onHeavyKeys === undefined) return;
  const keys = await findHeavyKeys(tasks, results, options).catch(() => []);
  options.signal.throwIfAborted();
  if (keys.length > 0) options.onHeavyKeys(tasks.reduction.name, keys);
}

/** Checks the rows that all parts of a reduction read. They are the rows of all tables. */
export function checkRowsRead(name: string, tables: readonly Pick<TableFile, "rows">[], read: number): void {
  const rows = sum(tables.map((table) => table.rows));
  assertLaw("counts-agree", read === rows, `the parts of ${name} read ${read} of ${rows} rows`);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
