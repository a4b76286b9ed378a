import { bindMap } from "../../../../../coordinator/plan/bind/bind-map.ts";
import { isShardmillError, type Problem } from "../../../../../shared/core/errors.ts";
import type { Field, FieldType, NumericType } from "../../../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../../../shared/domain/job-spec.ts";
import type { MapBinding } from "../../../../../shared/domain/map-binding.ts";
import type { InputSpec, OutputSpec } from "../../../../../shared/domain/map-spec.ts";
import type { Dim, ElementType, ModelSignature, TensorInfo } from "../../../../../shared/domain/tensor.ts";

export function numeric(type: NumericType): FieldType {
  return { kind: "numeric", type };
}

export function fixedList(length: number, item: FieldType = numeric("float32")): FieldType {
  return { kind: "fixedList", item, length };
}

export function list(item: FieldType = numeric("float32")): FieldType {
  return { kind: "list", item };
}

export function aField(name: string, type: FieldType): Field {
  return { name, type, nullable: true };
}

export function fields(types: Readonly<Record<string, FieldType>>): readonly Field[] {
  return Object.entries(types).map(([name, type]) => aField(name, type));
}

export function aTensor(name: string, dims: readonly Dim[], dtype: ElementType = "float32"): TensorInfo {
  return { name, dtype, dims };
}

/** Returns a classifier of 784 values into 10 classes, except for `parts`. */
export function aModel(parts: Partial<ModelSignature> = {}): ModelSignature {
  return {
    inputs: parts.inputs ?? [aTensor("image", ["batch", 784])],
    outputs: parts.outputs ?? [aTensor("logits", ["batch", 10])],
    unusable: parts.unusable ?? [],
  };
}

export interface MapParts {
  readonly inputs?: Readonly<Record<string, Partial<InputSpec>>>;
  readonly outputs?: Readonly<Record<string, Partial<OutputSpec>>>;
  readonly state?: NonNullable<JobSpec["map"]["state"]>;
  readonly keep?: readonly string[];
  readonly rows?: number | "auto";
  readonly tokens?: number | "auto";
}

export function aMap({
  inputs = {},
  outputs = {},
  keep = [],
  rows = "auto",
  tokens = "auto",
  state,
}: MapParts = {}): JobSpec["map"] {
  const withDefaults = Object.entries(inputs).map(([name, spec]) => [name, { scale: 1, offset: 0, ...spec }]);
  return {
    inputs: Object.fromEntries(withDefaults),
    outputs: Object.entries(outputs).map(([column, spec]) => ({ column, ...spec })),
    ...(state === undefined ? {} : { state }),
    keep,
    prepare: [],
    finish: [],
    batch: { rows, tokens },
  };
}

export function bind(
  map: MapParts,
  types: Readonly<Record<string, FieldType>>,
  model: Partial<ModelSignature> = {},
): MapBinding {
  return bindMap(aMap(map), aModel(model), fields(types));
}

/** Returns the problems of a map. Throws when there is none. */
export function problemsOf(...args: Parameters<typeof bind>): readonly Problem[] {
  try {
    bind(...args);
  } catch (error) {
    if (isShardmillError(error, "SPEC_INVALID")) return error.problems;
    throw error;
  }
  throw new Error("the map has no problem");
}
