import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import { fileSpecs, withoutFeature } from "../../shared/domain/features.ts";
import { holdsFiles, isText } from "../../shared/domain/file-cells.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { FeatureSpec } from "../../shared/domain/step-binding.ts";
import type { ModelSignature, TensorInfo } from "../../shared/domain/tensor.ts";
import type { FeaturePlanner } from "../../shared/extension/feature.ts";
import { fieldOfType } from "../../shared/modules/value-type.ts";
import { offsetsColumn } from "../../shared/steps/token-columns.ts";

const INT64: FieldType = { kind: "numeric", type: "int64" };

type InputSpecs = Readonly<Record<string, InputSpec>>;

interface ComputedContext {
  readonly signature: ModelSignature;
  readonly fields: readonly Field[];
  readonly planners: ReadonlyMap<string, FeaturePlanner>;
}

interface Made {
  readonly input: InputSpec;
  /** Of the step: the first one feeds the input. */
  readonly fields: readonly Field[];
}

/**
 * Inputs that are made of columns by a step in front of the model, as the ordinary ones that the step leaves.
 * A job plans that step; a draft needs only to know what columns it makes. Null where one does not fit.
 */
export function withoutComputed(
  inputs: InputSpecs,
  { signature, fields, planners }: ComputedContext,
): { readonly inputs: InputSpecs; readonly fields: readonly Field[] } | null {
  const left: Record<string, InputSpec> = { ...inputs };
  let columns = fields;
  for (const [name, input] of Object.entries(inputs)) {
    const tensor = signature.inputs.find((candidate) => candidate.name === name);
    const make = makerOf(input, planners);
    if (make === null) continue;
    const made =
      tensor === undefined ? null : make({ ...input, column: input.column ?? name }, tensor, columns);
    if (made === null) return null;
    left[name] = made.input;
    columns = [...columns, ...made.fields];
  }
  return { inputs: left, fields: columns };
}

type Maker = (input: InputSpec, tensor: TensorInfo, fields: readonly Field[]) => Made | null;

function makerOf(input: InputSpec, planners: ComputedContext["planners"]): Maker | null {
  if (input.tokenizer !== undefined) return ofText;
  if (input.types !== undefined) return ofTypes;
  for (const [key, spec] of fileSpecs(input)) {
    const planner = planners.get(key);
    if (planner !== undefined) return ofFeature(key, spec, planner);
  }
  return null;
}

const ofText: Maker = ({ column, columns, offsets, ...input }, tensor, fields) => {
  const texts = Array.isArray(columns) ? columns : [column];
  if (!texts.every((name) => isColumn(name, fields, isText))) return null;
  const { batchAxis } = input;
  const ids = idsOf(tensor, batchAxis);
  return offsets === undefined
    ? ids
    : { ...ids, fields: [...ids.fields, fieldOfType(offsetsColumn(offsets))] };
};

/** As many as the ids of the input that they are the types of: planning sees that it has them. */
const ofTypes: Maker = ({ batchAxis }, tensor) => idsOf(tensor, batchAxis);

function idsOf({ name }: TensorInfo, batchAxis: number | undefined): Made {
  const column = `shardmill:${name}`;
  const input = { column, scale: 1, offset: 0, ...(batchAxis === undefined ? {} : { batchAxis }) };
  return { input, fields: [made(column, { kind: "list", item: INT64 })] };
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

function made(name: string, type: FieldType): Field {
  return { name, type, nullable: false };
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
