import type { PlannedJob } from "../../shared/domain/job.ts";
import { lastStageOf } from "../../shared/domain/job-stages.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { PartialRules } from "../../shared/domain/partial-layout.ts";
import { type ReductionTasks, TASK_ROWS } from "../../shared/domain/reduction-tasks.ts";
import { shardId } from "../../shared/domain/shard.ts";
import type { StepFile } from "../../shared/domain/step-binding.ts";
import type { TasksToRun } from "../reduce/reduce-options.ts";

/** List of the tables that the tasks read, stored where workers find it. */
interface StoredList extends StepFile {
  /** Version from its storage, see `InputFile`. */
  readonly version: string;
}

/** Requirements for the partial of a task: its file has any number of rows. */
export const TASK_RULES: PartialRules = {
  rowsFormat: "parquet",
  reduce: {},
  hasSteps: true,
  hasMadeInputs: false,
};

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
 * Plans the inner job of a reduction's tasks. Its input is the list of tables, its rows are the buckets, and
 * each task is a shard. Its digests say which commits it reduces. So a run over other commits never resumes
 * it.
 */
export function planInnerJob(
  { spec: { model: _model, ...spec }, stores, digests }: Pick<PlannedJob, "spec" | "stores" | "digests">,
  { reduction, commits, ranges }: TasksToRun,
  { version, ...list }: StoredList,
): PlannedJob {
  const { name, binding, tables } = reduction;
  const file = {
    path: list.location,
    format: "parquet" as const,
    bytes: list.bytes,
    version,
    rows: TASK_ROWS,
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
  { reduction: { name, spec, fields } }: TasksToRun,
  { location, bytes, sha256 }: StepFile,
): ReductionTasks {
  return { name, spec, fields, list: { location, bytes, sha256 } };
}
