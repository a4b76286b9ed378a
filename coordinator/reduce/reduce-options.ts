import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobTables } from "../../shared/domain/job-tables.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import type { OpenDatabase } from "../../shared/sql/sql-database.ts";
import type { SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { WorkPaths } from "../publish/work-paths.ts";
import type { MergeLimits } from "./merge-small-files.ts";

export interface ReduceOptions {
  readonly reduce: JobSpec["reduce"];
  /** Bindings of the reductions by programs. Default: none. */
  readonly reductions?: ReductionBindings;
  /** Tables that SQL can join with. Default: none. */
  readonly tables?: JobTables;
  /** Columns of the rows files, used when no shard has a file to read: every row is a dead letter. */
  readonly fields: readonly Field[];
  /** Committed partials, in plan order. */
  readonly partials: readonly PartialManifest[];
  /**
   * Folders. Results are written to `_reduced/` in `stage`, which is emptied first. Temporary SQL files are
   * in `temp`.
   */
  readonly paths: Pick<WorkPaths, "partials" | "stage" | "temp">;
  readonly storage: Storage;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number;
  readonly mergeLimits?: MergeLimits;
  /** Bytes that one part of a reduction by key reads, about. Default: 32 MiB. */
  readonly partBytes?: number;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}
