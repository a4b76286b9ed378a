import { canonicalJson, type Digest, sha256 } from "../../shared/core/digest.ts";
import type { BucketRange } from "../../shared/domain/buckets.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { PartialFile, PartialManifest } from "../../shared/domain/partial.ts";
import type { RowsTasks, TableFile } from "../../shared/domain/reduction-tasks.ts";
import type { PartReduction } from "../../shared/reduce/reduce-part.ts";
import type { PartRange } from "../../shared/rows/read-ranges.ts";

interface Divided {
  /** Files of all committed partials that the tasks read, in plan order. */
  readonly tables: readonly TableFile[];
  /** Digest of the partials that the tables are of, in plan order. */
  readonly commits: Digest;
  /** Buckets or parts of each task. Together they are all, each once. */
  readonly ranges: readonly BucketRange[];
}

/** Reduction by key, divided into tasks. */
export interface ReductionToRun extends Divided {
  readonly kind: "reduction";
  readonly reduction: PartReduction;
}

/** Parts of an output, divided into tasks. */
interface PartsToRun extends Divided {
  readonly kind: "rows";
  readonly rows: RowsTasks["rows"];
  /** Rows of each part, as ranges of the tables. */
  readonly parts: readonly (readonly PartRange[])[];
}

export type TasksToRun = ReductionToRun | PartsToRun;

/** File that a task made. */
export interface TaskResult {
  /** Digest of the partials that it was made of, as in {@link TasksToRun}. */
  readonly commits: Digest;
  /** Range of the task: a planned one, or a part of one that was halved. */
  readonly range: BucketRange;
  readonly file: PartialFile;
  readonly from: Location;
  /** Rows of the tables that the task read. They count for the first of its files. */
  readonly rowsRead: number;
}

/** Runs tasks, and returns their results in the order of the ranges. Null: no worker can run them. */
export type RunTasks = (tasks: TasksToRun, signal: AbortSignal) => Promise<readonly TaskResult[] | null>;

/** Name of tasks in paths, in status and in reports. No reduction has a name with a dot. */
export function nameOfTasks(tasks: TasksToRun): string {
  return tasks.kind === "rows" ? "output.rows" : tasks.reduction.name;
}

/** Returns the digest of committed partials in plan order. It names the commits that something is made of. */
export function commitsDigest(partials: readonly PartialManifest[]): Digest {
  return sha256(canonicalJson(partials.map(({ shard, digest }) => [shard, digest])));
}
