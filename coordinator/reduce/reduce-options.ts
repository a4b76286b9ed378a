import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobTables } from "../../shared/domain/job-tables.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import type { HeavyKey } from "../../shared/domain/task-run.ts";
import type { MergeLimits } from "../../shared/reduce/merge-small-files.ts";
import type { OpenDatabase } from "../../shared/sql/sql-database.ts";
import type { SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import type { RunTasks } from "../publish/tasks-to-run.ts";
import type { WorkPaths } from "../publish/work-paths.ts";

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
  /** Checksums of that storage, if they can be trusted: then tables of tasks are not read here. */
  readonly checksums?: StoredChecksums | undefined;
  readonly signal: AbortSignal;
  readonly memoryLimitBytes?: number;
  readonly mergeLimits?: MergeLimits;
  /** Bytes that one part of a reduction by key reads, about. Default: 32 MiB. */
  readonly partBytes?: number;
  /** Runs the parts of a reduction by key elsewhere. Default: this process runs them. */
  readonly runTasks?: RunTasks;
  /** Called with the keys that made the tasks of a reduction uneven. Default: keys are not counted. */
  readonly onHeavyKeys?: (reduction: string, keys: readonly HeavyKey[]) => void;
  /** Opens the database. Default: in a process of its own. */
  readonly open?: OpenDatabase<SqlProcessOptions>;
}
