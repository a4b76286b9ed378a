import type { Digest } from "../../shared/core/digest.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobTables } from "../../shared/domain/job-tables.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import type { ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import type { TableFile } from "../../shared/domain/reduction-tasks.ts";
import type { HeavyKey } from "../../shared/domain/task-run.ts";
import type { MergeLimits } from "../../shared/reduce/merge-small-files.ts";
import type { PartReduction } from "../../shared/reduce/reduce-part.ts";
import type { OpenDatabase } from "../../shared/sql/sql-database.ts";
import type { SqlProcessOptions } from "../../shared/sql/sql-process-client.ts";
import type { Storage, StoredChecksums } from "../../shared/storage/storage.ts";
import type { WorkPaths } from "../publish/work-paths.ts";

/** Reduction by key, divided into tasks. */
export interface TasksToRun {
  readonly reduction: PartReduction;
  /** Tables of all committed partials, in plan order. */
  readonly tables: readonly TableFile[];
  /** Digest of the partials that the tables are of, in plan order. */
  readonly commits: Digest;
  /** Buckets of each task. Together they are all buckets, each once. */
  readonly ranges: readonly BucketRange[];
}

/** Result of a task. */
export interface TaskResult {
  /** Digest of the partials that it was made of, as in {@link TasksToRun}. */
  readonly commits: Digest;
  /** Buckets of the task: a planned range, or a part of one that was halved. */
  readonly range: BucketRange;
  readonly file: PartialFile;
  readonly from: Location;
  /** Rows of the tables that the task read. */
  readonly rowsRead: number;
}

/** Runs tasks, and returns their results in the order of the buckets. Null: no worker can run them. */
export type RunTasks = (tasks: TasksToRun, signal: AbortSignal) => Promise<readonly TaskResult[] | null>;

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
