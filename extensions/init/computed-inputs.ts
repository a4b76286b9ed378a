import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import { fileSpecs, withoutFeature } from "../../shared/domain/features.ts";
import { holdsFiles } from "../../shared/domain/file-cells.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { FeatureSpec } from "../../shared/domain/step-binding.ts";
import type { ModelSignature, TensorInfo } from "../../shared/domain/tensor.ts";
import type { FeaturePlanner } from "../../shared/extension/feature.ts";
import type { MadeInput, StepDraft } from "../../shared/extension/step-draft.ts";

type InputSpecs = Readonly<Record<string, InputSpec>>;

interface ComputedContext {
  readonly signature: ModelSignature;
  readonly fields: readonly Field[];
  readonly planners: ReadonlyMap<string, FeaturePlanner>;
  readonly drafts: readonly StepDraft[];
}

/**
 * Replaces inputs that a prepare step makes from columns with the plain inputs that the step leaves. Planning
 * a job includes that step, but a draft needs only the columns that it makes. Null: an input does not fit.
 */
export function withoutComputed(
  inputs: InputSpecs,
  { signature, fields, planners, drafts }: ComputedContext,
): { readonly inputs: InputSpecs; readonly fields: readonly Field[] } | null {
  const left: Record<string, InputSpec> = { ...inputs };
  let columns = fields;
  for (const [name, input] of Object.entries(inputs)) {
    const tensor = signature.inputs.find((candidate) => candidate.name === name);
    const make = makerOf(input, { planners, drafts });
    if (make === null) continue;
    const made =
      tensor === undefined ? null : make({ ...input, column: input.column ?? name }, tensor, columns);
    if (made === null) return null;
    left[name] = made.input;
    columns = [...columns, ...made.fields];
  }
  return { inputs: left, fields: columns };
}

type Maker = (input: InputSpec, tensor: TensorInfo, fields: readonly Field[]) => MadeInput | null;

function makerOf(
  input: InputSpec,
  { planners, drafts }: Pick<ComputedContext, "planners" | "drafts">,
): Maker | null {
  const draft = drafts.find((each) => each.makes(input));
  if (draft !== undefined) return draft.made;
  for (const [key, spec] of fileSpecs(input)) {
    const planner = planners.get(key);
    if (planner !== undefined) return ofFeature(key, spec, planner);
  }
  return null;
}

function ofFeature(key: string, spec: FeatureSpec, planner: FeaturePlanner): Maker {
  return (input, tensor, fields) => {
    if (!isColumn(input.column, fields, holdsFiles)) return null;
    const column = `shardmill:${tensor.name}`;
    let isRefused = false;
    const report = () => {
      isRefused = true;
    };
    const context = { column, tensor: rowOf(tensor), scale: input.scale, folder: null, report };
    const planned = planner(spec, context);
    if (planned === null || isRefused) return null;
    const { rowDims, columns } = planned;
    if (columns.some(({ name }) => fields.some((field) => field.name === name))) return null;
    const shape = rowDims === null ? {} : { shape: [...rowDims] };
    return { input: { ...withoutFeature(input, key), ...shape, column }, fields: columns };
  };
}

function rowOf(tensor: TensorInfo): TensorInfo {
  return { ...tensor, dims: tensor.dims.slice(1) };
}

function isColumn(
  name: string | undefined,
  fields: readonly Field[],
  is: (type: FieldType) => boolean,
): boolean {
  const source = fields.find((field) => field.name === name);
  return source !== undefined && is(source.type);
}
