import type { FieldType } from "../../shared/domain/dataset.ts";
import type { MapPlan } from "../../shared/domain/map-plan.ts";
import { outputFields } from "../../shared/domain/output-fields.ts";
import { dtypeBytes } from "../../shared/domain/tensor.ts";

/** Of a string or a list whose length is not known: its offsets, and not much. */
const UNKNOWN_BYTES = 16;

/** Bytes of what the model makes of a row, about, as a worker holds them until the shard is written. */
export function outputRowBytes({ outputs }: Pick<MapPlan, "outputs">): number {
  return outputFields({ keep: [], outputs }).reduce((bytes, { type }) => bytes + cellBytes(type), 0);
}

function cellBytes(type: FieldType): number {
  if (type.kind === "numeric") return dtypeBytes(type.type);
  if (type.kind === "fixedList") return type.length * cellBytes(type.item);
  return UNKNOWN_BYTES;
}
