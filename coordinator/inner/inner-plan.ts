import type { PlannedJob } from "../../shared/domain/job.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { PartialRules } from "../../shared/domain/partial-layout.ts";
import { type ReductionTasks, type RowsTasks, TASK_ROWS } from "../../shared/domain/reduction-tasks.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import { nameOfTasks, type TasksToRun } from "../publish/tasks-to-run.ts";

/** List of the tables that the tasks read, stored where workers find it. */
interface StoredList extends StepFile {
  /** Version from its storage, see `InputFile`. */
  readonly version: string;
}

/** Returns the requirements for the partial of a task: its files have any number of rows. */
export function taskRules(tasks: TasksToRun): PartialRules {
  const rules = { reduce: {}, hasSteps: true, hasMadeInputs: false };
  if (tasks.kind === "reduction") return { ...rules, rowsFormat: "parquet" };
  return { ...rules, rowsFormat: tasks.rows.ending, hasParts: true };
}

/** Tasks have no model, and so no map. */
const NO_MAP: MapBinding = {
  inputs: [],
  outputs: [],
  keep: [],
  columns: [],
  prepare: [],
  finish: [],
  fixedBatchRows: null,
};

/**
 * Plans the inner job of some tasks. Its input is the list of tables, its rows are the buckets or parts, and
 * each task is a shard. Its digests say which commits it reduces. So a run over other commits never resumes
 * it.
 */
export function planInnerJob(
  { spec: { model: _model, ...spec }, stores, digests }: Pick<PlannedJob, "spec" | "stores" | "digests">,
  tasks: TasksToRun,
  { version, ...list }: StoredList,
): PlannedJob {
  const { commits, ranges } = tasks;
  const name = nameOfTasks(tasks);
  const { binding, tables } = tasks.kind === "rows" ? { binding: null, tables: {} } : tasks.reduction;
  const file = {
    path: list.location,
    format: "parquet" as const,
    bytes: list.bytes,
    version,
    rows: tasks.kind === "rows" ? tasks.parts.length : TASK_ROWS,
    footerSha256: list.sha256,
  };
  return {
    spec: {
      ...spec,
      name: `${spec.name}-${name}`,
      reduce: {},
      output: { path: spec.output.path, rows: "parquet" },
      map: { ...lastStageOf(spec).map, prepare: [], finish: [] },
      errors: { ...spec.errors, maxRows: 0 },
    },
    stores,
    pins: [],
    dataset: { files: [file], fields: [], digest: commits },
    skippedFiles: [],
    undecoded: [],
    partitions: { kind: "none", why: null },
    model: null,
    modelFrom: null,
    folder: null,
    converted: null,
    stages: [],
    map: NO_MAP,
    reductions: binding === null ? {} : { [name]: binding },
    tables,
    typeChecks: [],
    pruned: [],
    skipped: [],
    shards: ranges.map(({ from, to }, index) => ({ id: shardId(index), rowStart: from, rowEnd: to })),
    digests: { ...digests, input: commits },
  };
}

/** Returns what workers need to know of the tasks. */
export function describeTasks(
  tasks: TasksToRun,
  { location, bytes, sha256 }: StepFile,
): ReductionTasks | RowsTasks {
  const list = { location, bytes, sha256 };
  if (tasks.kind === "rows") return { name: nameOfTasks(tasks), rows: tasks.rows, list };
  const { name, spec, fields } = tasks.reduction;
  return { name, spec, fields, list };
}
