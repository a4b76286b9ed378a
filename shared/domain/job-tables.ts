import { localPathOf } from "./location.ts";
import type { StepFile } from "./step-binding.ts";

/** Table that the SQL of a job can join with: a Parquet file. */
export interface JobTable extends StepFile {
  readonly rows: number;
}

/** Tables by their names in SQL. */
export type JobTables = Readonly<Record<string, JobTable>>;

/** Returns the paths of tables on this machine, by name. */
export function tablePaths(tables: JobTables): Readonly<Record<string, string>> {
  const paths = Object.entries(tables).map(([name, { location }]) => [name, localPathOf(location)] as const);
  return Object.fromEntries(paths);
}
