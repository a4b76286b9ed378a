import { present } from "../../shared/core/assert.ts";
import { withTempFolder } from "../../shared/core/temp-folder.ts";
import type { Dataset } from "../../shared/domain/dataset.ts";
import { loadInputPlanners, reductionValue } from "../../shared/domain/features.ts";
import type { JobDigests, ModelFiles, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { lastStageOf, stagesOf } from "../../shared/domain/job-stages.ts";
import type { JobStores } from "../../shared/domain/job-stores.ts";
import { type JobTables, tablePaths } from "../../shared/domain/job-tables.ts";
import { modelsDigest } from "../../shared/domain/model-digest.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { outputRowBytes, publishedFields, publishedRowBytes } from "../../shared/domain/output-fields.ts";
import type { ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import type { DescribedFiles } from "../../shared/extension/step-part.ts";
import { specDigest } from "../../shared/job-file/spec-digest.ts";
import { SQL_PROCESSES } from "../../shared/sql/sql-processes.ts";
import { checkReductions } from "../reduce/check-sql.ts";
import { checkFolders } from "./check-folders.ts";
import { checkKeptTypes, checkTextTypes } from "./check-kept-types.ts";
import { checkOutput } from "./check-output.ts";
import { checkShape } from "./check-shape.ts";
import { checkSort } from "./check-sort.ts";
import { allOrEveryProblem } from "./every-problem.ts";
import { sealFiles } from "./fetch/sealed-files.ts";
import { readModelFolder } from "./folder/read-model-folder.ts";
import type { FileFooter } from "./footers/seal-dataset.ts";
import type { FoundInput } from "./input/discover.ts";
import type { Pins } from "./input/lake-table.ts";
import { withLikelyInputs } from "./input-steps/likely-inputs.ts";
import { planMap } from "./plan-map.ts";
import { convertModels, openStages, stagesBefore, verifyStages } from "./plan-models.ts";
import { PlanProgress } from "./plan-progress.ts";
import { planReductions } from "./plan-reductions.ts";
import { planShards } from "./plan-shards.ts";
import { type ReadInputOptions, readInput } from "./read-input.ts";
import { type Reach, readStores } from "./read-stores.ts";
import { planTables } from "./steps/plan-tables.ts";
import {
  checkTypes,
  describeFiles,
  readStepFiles,
  type StepFiles,
  withStepFiles,
} from "./steps/step-files.ts";
import { takeRows } from "./trial/take-rows.ts";
import { checkFilter } from "./where/check-filter.ts";
import { pruneRowGroups } from "./where/prune.ts";

/**
 * Runs a task outside the limit of concurrent plans, so that others may plan meanwhile. The task has limits
 * of its own.
 */
export type WithoutSlot = <T>(task: () => Promise<T>) => Promise<T>;

export interface PlanOptions extends Reach {
  /** Default: the task runs directly. */
  readonly withoutSlot?: WithoutSlot | undefined;
  /** Updated while the input is read and the model is fetched. */
  readonly progress?: PlanProgress | undefined;
  /** The input, if known. Default: the input is listed. */
  readonly found?: FoundInput | undefined;
  /** Versions of lake tables to read, see {@link Pins}. */
  readonly pins?: Pins | undefined;
  /** True when this process wrote the input files, so that reading them here is safe. Default: false. */
  readonly ownInput?: boolean;
  readonly signal: AbortSignal;
}

/**
 * Plans all that can be known before any work. Reads the files, their footers and the model's signature,
 * binds the map, checks the SQL of reductions, and cuts shards. Runs the model once if the job overrides its
 * declared shapes. Writes only a converted model, to the cache, as the last action.
 *
 * @throws {SPEC_INVALID} and the INPUT_, MODEL_, OUTPUT_ and SQL_ codes. One error has the problems of input,
 *   model and output.
 */
export async function planJob(job: JobSpec, options: PlanOptions): Promise<PlannedJob> {
  const {
    withoutSlot = (task) => task(),
    progress = new PlanProgress(),
    found,
    pins,
    ownInput = false,
    signal,
  } = options;
  const stores = await readStores(job, options);
  const { spec, stores: fileStores } = sealFiles(job, stores);
  const reading = { stores, fileStores, progress, found, pins, ownInput, signal };
  const { input, opened, typeChecks, ...code } = await readAll(spec, reading);
  const { stepFiles, described, tables } = code;
  const { fields } = input.dataset;
  const where = await withoutSlot(() => checkFilter(spec.input, fields, signal));
  const bind = () =>
    planMap(
      stagesOf(spec).map((stage, index) => {
        const { model, folder } = present(opened[index], "each stage was opened");
        const files = present(described[index], "the files of each stage are described");
        return { ...stage, ...files, folder, signature: model?.signature ?? null };
      }),
      {
        ...{ tables, fields, signal },
        ...{ textCauses: input.textCauses, classes: input.classes, filter: where?.step ?? null },
      },
    );
  const { map, earlier } = await progress.part("bind", () => withoutSlot(bind));
  await verifyStages(stagesOf(spec), opened, [...earlier, map], signal);
  checkPublished(spec, map, input);
  const check = () => withoutSlot(() => checkReduce(spec, { map, stepFiles, tables, signal }));
  const reductions = await progress.part("check", check);
  const { files: left, pruned } =
    where === null ? { files: input.footers, pruned: [] } : pruneRowGroups(input.footers, where.predicate);
  const fileRows = input.dataset.files.map(({ rows }) => rows);
  const { files, skipped } = takeRows({ files: left, fileRows, pruned }, spec.input);
  const shards = planShards(files, { shardRows: spec.input.shardRows, outputRowBytes: outputRowBytes(map) });
  checkSort(spec, shards, publishedRowBytes(map));
  const likely = await withLikelyInputs(spec, fields, opened[0]?.folder ?? null);
  const digests = digestsOf(likely, { dataset: input.dataset, opened, stepFiles });
  const { footers, textCauses: _, classes: _classes, ...read } = input;
  const models = await convertModels(stagesOf(spec), opened, signal);
  const last = present(models.at(-1), "a job has a stage");
  return {
    ...{ spec, ...read, ...last },
    undecoded: undecodedFiles(footers),
    stages: stagesBefore(stagesOf(spec), models, earlier),
    map,
    reductions,
    tables,
    typeChecks,
    pruned,
    skipped,
    shards,
    digests,
  };
}

function undecodedFiles(footers: readonly FileFooter[]): PlannedJob["undecoded"] {
  return footers.flatMap(({ file: { path, rows }, undecoded }) =>
    undecoded === undefined ? [] : [{ path, rows, ...undecoded }],
  );
}

/** Checks the published columns by their types and statistics. */
function checkPublished(
  spec: JobSpec,
  map: PlannedJob["map"],
  { dataset, footers }: Awaited<ReturnType<typeof readInput>>,
): void {
  checkKeptTypes(lastStageOf(spec), map.keep, dataset.files);
  const fields = publishedFields(map);
  checkTextTypes(spec.output, fields);
  checkShape(spec.output, fields);
  checkFolders(spec, map, footers);
}

/** Reads the input, the model and the code concurrently, and checks the output and the types. */
async function readAll(
  spec: JobSpec,
  { fileStores, ...options }: ReadInputOptions & Pick<PlannedJob, "stores"> & ReadAllOptions,
) {
  // The SQL process loads while the input is read.
  if (hasSql(spec)) SQL_PROCESSES.warm();
  const { signal, progress } = options;
  const files = { stores: fileStores, signal };
  const stages = stagesOf(spec);
  const reading = {
    input: readInput(spec, options),
    folders: stages.map(({ model }) => readModelFolder(model, files)),
  };
  const resolved = withReadInputs(spec, reading);
  const open = () =>
    openStages(stages, reading.folders, { stores: fileStores, progress: progress.fetching, signal });
  const [input, opened, , code, typeChecks] = await allOrEveryProblem([
    reading.input,
    progress.part("model", open),
    progress.part("output", () => checkOutput(spec, options.stores)),
    resolved.then((own) => progress.part("code", () => readCode(own, fileStores, signal))),
    checkTypes(spec, signal),
  ]).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  return { input, opened, ...code, typeChecks };
}

interface ReadAllOptions {
  readonly fileStores: JobStores;
  readonly progress: PlanProgress;
}

async function readCode(spec: JobSpec, stores: JobStores, signal: AbortSignal): Promise<JobCode> {
  const stepFiles = await readStepFiles(spec, { stores, signal });
  const tables = await planTables(spec.tables, stepFiles, signal);
  const described = stagesOf(spec).map((stage) => describeFiles(stage, stepFiles, signal));
  return { stepFiles, tables, described: await Promise.all(described) };
}

interface JobCode {
  readonly stepFiles: StepFiles;
  readonly tables: JobTables;
  /** One for each stage. */
  readonly described: readonly DescribedFiles[];
}

function hasSql(spec: JobSpec): boolean {
  const { input, reduce } = spec;
  const steps = stagesOf(spec).flatMap(({ map }) => [...map.prepare, ...map.finish]);
  const hasSteps = steps.some(({ sql }) => sql !== undefined);
  return hasSteps || input.where !== undefined || Object.values(reduce).some(isSql);
}

function isSql(reduction: object): boolean {
  return reductionValue(reduction) === null;
}

interface JobContents {
  readonly dataset: Dataset;
  /** Models and their folders, by stage. */
  readonly opened: readonly {
    readonly model: ModelFiles | null;
    readonly folder: Pick<ModelFolder, "facts"> | null;
  }[];
  readonly stepFiles: StepFiles;
}

/**
 * Computes the digests that identify a job, without checking the job. They suffice to detect that it is
 * published already.
 *
 * @param spec with the inputs that the model's folder adds
 */
export function digestsOf(spec: JobSpec, { dataset, opened, stepFiles }: JobContents): JobDigests {
  return {
    spec: withStepFiles(
      specDigest(
        spec,
        opened.map(({ folder }) => folder?.facts ?? null),
      ),
      stepFiles,
    ),
    input: dataset.digest,
    model: modelsDigest(opened.map(({ model }) => model)),
  };
}

interface Reading {
  readonly input: Promise<{ readonly dataset: Dataset }>;
  /** One for each stage. */
  readonly folders: readonly Promise<ModelFolder | null>[];
}

/**
 * Completes `map.inputs` from the input and the model's folder: both decide which files are read. Returns
 * `spec` unchanged if either cannot be read.
 */
async function withReadInputs(spec: JobSpec, reading: Reading): Promise<JobSpec> {
  const planners = [...(await loadInputPlanners()).values()];
  const inputs = stagesOf(spec)[0]?.map.inputs ?? {};
  if (!planners.some((planner) => planner.leaves(inputs))) return spec;
  const [input, folder] = await Promise.allSettled([reading.input, reading.folders[0] ?? null]);
  if (input.status === "rejected" || folder.status === "rejected") return spec;
  return await withLikelyInputs(spec, input.value.dataset.fields, folder.value);
}

/** Binds the reductions by programs, and checks the SQL of the others. */
async function checkReduce(
  spec: JobSpec,
  on: Pick<PlannedJob, "map" | "tables"> & { readonly stepFiles: StepFiles; readonly signal: AbortSignal },
): Promise<ReductionBindings> {
  const { map, tables, stepFiles, signal } = on;
  const [reductions] = await allOrEveryProblem([
    planReductions(spec.reduce, { fields: publishedFields(map), files: stepFiles, signal }),
    checkSql(spec, { map, tables }, signal),
  ]);
  return reductions;
}

async function checkSql(
  spec: JobSpec,
  { map, tables }: Pick<PlannedJob, "map" | "tables">,
  signal: AbortSignal,
): Promise<void> {
  if (!Object.values(spec.reduce).some(isSql)) return;
  const fields = publishedFields(map);
  await withTempFolder("plan", (scratchFolder) =>
    checkReductions({ reduce: spec.reduce, fields, tables: tablePaths(tables), scratchFolder, signal }),
  );
}
