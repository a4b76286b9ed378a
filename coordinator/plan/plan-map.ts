import type { Field } from "../../shared/domain/dataset.ts";
import type { ClassNames } from "../../shared/domain/hugging-face.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { outputFields, publishedFields } from "../../shared/domain/output-fields.ts";
import { pruneSteps, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import type { TextCause } from "../../shared/domain/text-cause.ts";
import { bindMap } from "./bind/bind-map.ts";
import { planInputSteps } from "./input-steps/plan-input-steps.ts";
import { fieldsBehind, planSteps, type StepsContext } from "./steps/plan-steps.ts";

interface MapContext extends StepsContext {
  /** Columns of the input. */
  readonly fields: readonly Field[];
  /** Causes for which some of the columns are text. */
  readonly textCauses: readonly TextCause[];
  /** Names that the input gives to the classes of its columns. Default: none. */
  readonly classes?: ClassNames;
  /** Folder of the model. Null: the job names a model file. */
  readonly folder: ModelFolder | null;
  /** Step that drops rows before all other steps. Null: none. */
  readonly filter: StepBinding | null;
}

/**
 * Binds the whole `map` of a job. `prepare` steps read the dataset's columns, the model reads the prepared
 * columns, and `finish` steps read the model's rows. Without a model, they read the prepared rows.
 *
 * @param signature null: the job has no model
 * @throws {SQL_INVALID} {SPEC_INVALID} with all problems of the first part that has any. Later parts depend
 *   on its columns.
 */
export async function planMap(
  spec: JobSpec["map"],
  signature: ModelSignature | null,
  context: MapContext,
): Promise<MapBinding> {
  const { fields, folder, filter, descriptions, classes = {} } = context;
  const planned = await planSteps("map.prepare", spec.prepare, fields, context);
  const prepared = filter === null ? planned : [filter, ...planned];
  const { steps: making, inputs } =
    signature === null
      ? { steps: [], inputs: {} }
      : await planInputSteps(spec.inputs, {
          ...context,
          fields: fieldsBehind(prepared, fields),
          signature: withoutStates(signature, spec),
        });
  const prepare = [...prepared, ...making];
  const bound = bindMap({ ...spec, inputs }, signature, fieldsBehind(prepare, fields), {
    ...{ folder, classes, descriptions },
    // A step may replace a column by one of the same name, so the causes may be wrong.
    textCauses: planned.length === 0 ? context.textCauses : [],
  });
  const finish = await planSteps("map.finish", spec.finish, outputFields(bound), context);
  const { steps, needed } = pruneSteps(prepare, bound.columns);
  const read = new Set(needed);
  const columns = fields.map(({ name }) => name).filter((name) => read.has(name));
  const [first] = fields;
  // The steps may need no column at all, but the rows must be read.
  if (columns.length === 0 && first !== undefined) columns.push(first.name);
  const map = { ...bound, prepare: steps, columns };
  const published = publishedFields({ ...map, finish }).map(({ name }) => name);
  return { ...map, finish: pruneSteps(finish, published).steps };
}

/** Removes the inputs that are states: outputs feed them, and a column of the same name does not. */
function withoutStates(signature: ModelSignature, { state = {} }: JobSpec["map"]): ModelSignature {
  return { ...signature, inputs: signature.inputs.filter(({ name }) => state[name] === undefined) };
}
