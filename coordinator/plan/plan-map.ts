import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { ClassNames } from "../../shared/domain/hugging-face.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { placed, type SpecStage } from "../../shared/domain/job-stages.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { outputFields, publishedFields } from "../../shared/domain/output-fields.ts";
import { pruneSteps, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import type { DescribedFiles } from "../../shared/extension/step-part.ts";
import { sourceColumns } from "../../shared/input-sources/input-sources.ts";
import { bindMap } from "./bind/bind-map.ts";
import { planInputSteps } from "./input-steps/plan-input-steps.ts";
import { fieldsBehind, planSteps, type StepsContext } from "./steps/plan-steps.ts";

interface MapContext extends Omit<StepsContext, "folder" | keyof DescribedFiles> {
  /** Columns of the input. */
  readonly fields: readonly Field[];
  /** Causes for which some of the columns are text. */
  readonly textCauses: readonly TextCause[];
  /** Names that the input gives to the classes of its columns. Default: none. */
  readonly classes?: ClassNames;
  /** Step that drops rows before all other steps. Null: none. */
  readonly filter: StepBinding | null;
}

/** Stage to plan, with what was read for it. */
interface OpenedStage extends Pick<SpecStage, "place" | "map">, DescribedFiles {
  /** Null: the job has no model. */
  readonly signature: ModelSignature | null;
  /** Folder of the model. Null: the job names a model file. */
  readonly folder: ModelFolder | null;
}

/** Map of a job. */
interface PlannedMap {
  /** Map of the last stage. Its `prepare` has the models of earlier stages as steps. */
  readonly map: MapBinding;
  /** Inputs and outputs of the earlier stages, in order. */
  readonly earlier: readonly MapBinding[];
}

/**
 * Binds the whole `map` of a job. `prepare` steps read the dataset's columns, the model reads the prepared
 * columns, and `finish` steps read the model's rows. Without a model, they read the prepared rows. The rows
 * behind a stage are the columns of the next one.
 *
 * @throws {SQL_INVALID} {SPEC_INVALID} with all problems of the first part that has any. Later parts depend
 *   on its columns.
 */
export async function planMap(stages: readonly OpenedStage[], context: MapContext): Promise<PlannedMap> {
  const { filter, fields } = context;
  let before: readonly StepBinding[] = filter === null ? [] : [filter];
  const earlier: MapBinding[] = [];
  for (const [index, stage] of stages.entries()) {
    const own = { ...context, ...(index === 0 ? {} : BETWEEN), fields: fieldsBehind(before, fields) };
    const { prepare, bound, finish } = await planStage(stage, own).catch((error: unknown) => {
      throw hinted(error, stage, stages);
    });
    before = [...before, ...prepare];
    if (index === stages.length - 1) return { map: wholeMap(before, bound, finish, fields), earlier };
    const reads = inputColumns(bound);
    before = [...before, modelStep(stage.place, index, bound, reads), ...finish];
    earlier.push({ ...bound, keep: [], columns: reads });
  }
  throw new Error("broken invariant: a job has a stage");
}

/** Returns the map of a job, without columns that nothing needs. */
function wholeMap(
  prepare: readonly StepBinding[],
  bound: MapBinding,
  finish: readonly StepBinding[],
  fields: readonly Field[],
): MapBinding {
  const { steps, needed } = pruneSteps(prepare, bound.columns);
  const map = { ...bound, prepare: steps, columns: readColumns(fields, needed) };
  const published = publishedFields({ ...map, finish }).map(({ name }) => name);
  return { ...map, finish: pruneSteps(finish, published).steps };
}

/** Context of stages behind the first, whose columns are not those of the input. */
const BETWEEN = { textCauses: [], classes: {} } satisfies Partial<MapContext>;

interface PlannedStage {
  readonly prepare: readonly StepBinding[];
  readonly bound: MapBinding;
  readonly finish: readonly StepBinding[];
}

/** Plans one stage over the columns that it gets. */
async function planStage(stage: OpenedStage, context: MapContext): Promise<PlannedStage> {
  const { place, map: spec, signature, folder, files, descriptions } = stage;
  const { fields, classes = {} } = context;
  const own = { ...context, folder, files, descriptions };
  try {
    const planned = await planSteps(`${place}.prepare`, spec.prepare, fields, own);
    const { steps, inputs } =
      signature === null
        ? { steps: [], inputs: {} }
        : await planInputSteps(spec.inputs, {
            ...own,
            fields: fieldsBehind(planned, fields),
            signature: withoutStates(signature, spec),
          });
    const making = steps.map((step) => ({ ...step, where: placed(step.where, place) }));
    const prepare = [...planned, ...making];
    const bound = bindMap({ ...spec, inputs }, signature, fieldsBehind(prepare, fields), {
      ...{ folder, classes, descriptions },
      // A step may replace a column by one of the same name, so the causes may be wrong.
      textCauses: planned.length === 0 ? context.textCauses : [],
    });
    const finish = await planSteps(`${place}.finish`, spec.finish, outputFields(bound), own);
    return { prepare, bound, finish };
  } catch (error) {
    throw inPlace(error, place);
  }
}

/** Returns the model of an earlier stage as a step. Kept columns pass it. */
function modelStep(place: string, stage: number, bound: MapBinding, reads: readonly string[]): StepBinding {
  const kept = new Set(bound.keep.map(({ name }) => name));
  const columns = outputFields(bound).map((field) => {
    return { ...field, from: kept.has(field.name) ? field.name : null };
  });
  return { where: `${place}.model`, op: { kind: "model", stage }, files: [], reads, columns };
}

/** Returns the columns of a model's inputs, each once. */
function inputColumns({ inputs, columns }: MapBinding): readonly string[] {
  const read = new Set(inputs.flatMap(({ source }) => sourceColumns(source)));
  return columns.filter((name) => read.has(name));
}

/** Returns the columns to read. The steps may need no column at all, but the rows must be read. */
function readColumns(fields: readonly Field[], needed: readonly string[]): readonly string[] {
  const read = new Set(needed);
  const columns = fields.map(({ name }) => name).filter((name) => read.has(name));
  const [first] = fields;
  return columns.length > 0 || first === undefined ? columns : [first.name];
}

/** Removes the inputs that are states: outputs feed them, and a column of the same name does not. */
function withoutStates(signature: ModelSignature, { state = {} }: JobSpec["map"]): ModelSignature {
  return { ...signature, inputs: signature.inputs.filter(({ name }) => state[name] === undefined) };
}

/** Returns an error whose problems name the keys of a stage. */
function inPlace(error: unknown, place: string): unknown {
  return withProblems(error, (problem) => ({ ...problem, where: placed(problem.where, place) }));
}

/** Adds to an error of an unknown column that a later stage makes it. */
function hinted(error: unknown, stage: OpenedStage, stages: readonly OpenedStage[]): unknown {
  const from = stages.indexOf(stage);
  return withProblems(error, (problem) => {
    const [, column] = /^no column `(.+)`$/.exec(problem.what) ?? [];
    const maker = stages.find(({ map }, at) => {
      return at >= from && map.outputs.some((output) => output.column === column);
    });
    if (maker === undefined) return problem;
    const when = maker === stage ? "this stage itself" : "a later stage";
    return { ...problem, hint: `${maker.place} makes it, which is ${when}: a stage reads earlier columns` };
  });
}

function withProblems(error: unknown, change: (problem: Problem) => Problem): unknown {
  if (!isShardmillError(error) || error.problems.length === 0) return error;
  const { fields, hint, cause } = error;
  return new ShardmillError(error.code, error.message, {
    ...{ fields, problems: error.problems.map(change), cause },
    ...(hint === undefined ? {} : { hint }),
  });
}
