import type { Field, FieldType } from "./dataset.ts";
import type { MapPlan, OutputBinding, OutputOp } from "./map-plan.ts";

/**
 * The fields of the rows files: the kept columns first, then the outputs in the order of the plan.
 *
 * | op | column |
 * |---|---|
 * | `raw` | the tensor's dtype; a fixed-size list of it (flattened) when a row has more than one value |
 * | `raw` of uneven rows | a list with one item a step: the tensor's dtype, or a fixed-size list of it |
 * | `softmax`, `sigmoid` | float32; a fixed-size list of it when a row has more than one value |
 * | `argmax` | int32, or string with labels |
 * | `maxSoftmax` | float32 |
 * | `topK` | `<column>_values` float32[k], and `<column>_indices` int32[k] or `<column>_labels` string[k] |
 *
 * Made columns hold no nulls. The worker builds its columns, and the SQL is checked, from this one list.
 */
export function outputFields(plan: Pick<MapPlan, "keep" | "outputs">): readonly Field[] {
  return [...plan.keep, ...plan.outputs.flatMap(fieldsOf)];
}

/** The names of the columns that an output makes, in order. */
export function outputColumnNames(column: string, op: OutputOp, withLabels: boolean): readonly string[] {
  if (op !== "topK") return [column];
  return [`${column}_values`, withLabels ? `${column}_labels` : `${column}_indices`];
}

function fieldsOf(output: OutputBinding): readonly Field[] {
  const names = outputColumnNames(output.column, output.op, output.labels !== null);
  const types = typesOf(output);
  return names.flatMap((name, index) => {
    const type = types[index];
    return type === undefined ? [] : [{ name, type, nullable: false }];
  });
}

const FLOAT32: FieldType = { kind: "numeric", type: "float32" };
const INT32: FieldType = { kind: "numeric", type: "int32" };
const STRING: FieldType = { kind: "string" };

function typesOf(output: OutputBinding): readonly FieldType[] {
  const classType = output.labels === null ? INT32 : STRING;
  switch (output.op) {
    case "raw": {
      const item = cell({ kind: "numeric", type: output.dtype }, output.rowValues);
      return [output.uneven ? { kind: "list", item } : item];
    }
    case "softmax":
    case "sigmoid":
      return [cell(FLOAT32, output.rowValues)];
    case "maxSoftmax":
      return [FLOAT32];
    case "argmax":
      return [classType];
    case "topK":
      return [listOf(FLOAT32, output.k ?? 0), listOf(classType, output.k ?? 0)];
  }
}

/** A cell of `values` values: a scalar when there is one. */
function cell(item: FieldType, values: number): FieldType {
  return values === 1 ? item : listOf(item, values);
}

function listOf(item: FieldType, length: number): FieldType {
  return { kind: "fixedList", item, length };
}
