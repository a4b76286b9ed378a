import type { Field as ArrowField } from "apache-arrow";
import { type Field, type FieldType, innerTypes } from "../../shared/domain/dataset.ts";
import type { DeltaForm } from "./op.ts";

/** Column of the table, or part of one, as data files have it. */
export interface FileColumn {
  /** Name or id in the files. Undefined: an item, key or value, which has none. */
  readonly key: string | undefined;
  /** Parts, in the order of `innerTypes`. */
  readonly parts: readonly FileColumn[];
}

/** Metadata of an Arrow field with the id that a Parquet file gives it. */
const FIELD_ID = "PARQUET:field_id";

/** Returns what a file calls a column: its name, or its id in a table that maps by ids. */
export function keyIn({ mapping }: DeltaForm, { name, metadata }: ArrowField): string | undefined {
  return mapping.by === "id" ? metadata.get(FIELD_ID) : name;
}

/** Returns the columns of a table, as its files have them. */
export function fileColumns({ fields, mapping }: DeltaForm): readonly FileColumn[] {
  const keys = mapping.by === null ? null : mapping.keys.values();
  const column = ({ name, type }: Field): FileColumn => {
    const key = keys === null ? name : (keys.next().value ?? "");
    return { key, parts: partsOf(type) };
  };
  const partsOf = (type: FieldType): FileColumn[] =>
    type.kind === "struct"
      ? type.fields.map(column)
      : innerTypes(type).map((inner) => ({ key: undefined, parts: partsOf(inner) }));
  return fields.map(column);
}
