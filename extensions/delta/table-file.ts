import type { Field as ArrowField } from "apache-arrow";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import { type Field, type FieldType, type FileIndex, innerTypes } from "../../shared/domain/dataset.ts";
import { FIELD_ID, type FieldKey } from "../lake/adapt-column.ts";
import { openTableFile } from "../lake/table-file.ts";
import type { DeltaForm, DeltaIndex } from "./op.ts";

/**
 * Opens a data file of a Delta table: its columns are those of the table. They are found by their names, or
 * by what the table maps them to. The new file disposes of the given one.
 *
 * @throws {INPUT_UNSUPPORTED} when a column has another type than the table, or none has an id that must have
 */
export function openDeltaFile(file: DatasetFile, index: FileIndex): DatasetFile {
  const { form, values, deleted } = index as DeltaIndex;
  const { mapping } = form;
  const constants = form.partitionColumns.map((name, at) => [name, values[at] ?? null] as const);
  const known = new Map(constants);
  const keys = keysOf(form);
  const keyOf = ({ name, metadata }: ArrowField) => (mapping.by === "id" ? metadata.get(FIELD_ID) : name);
  const isMapped = mapping.by === null ? [] : [mapping];
  refuseWithoutKeys(file, keyOf);
  return openTableFile(file, {
    format: form.kind,
    columns: form.fields.map((field, at) => {
      const key = keys[at] ?? { key: field.name, inner: [] };
      return { field, key, value: known.get(field.name), isOwnFirst: false };
    }),
    keyOf,
    identity: [form.fields, constants, ...isMapped],
    deleted,
  });
}

function refuseWithoutKeys(file: DatasetFile, keyOf: (field: ArrowField) => string | undefined): void {
  const { fields } = file.schema;
  if (fields.length === 0 || fields.some((field) => keyOf(field) !== undefined)) return;
  file[Symbol.dispose]();
  throw inputUnsupported(file.path, "columns without ids, and the table maps by ids", "write it again");
}

/** Returns the keys of a table's columns in its files. */
function keysOf({ fields, mapping }: DeltaForm): readonly FieldKey[] {
  const keys = mapping.by === null ? null : mapping.keys.values();
  const column = ({ name, type }: Field): FieldKey => {
    const key = keys === null ? name : (keys.next().value ?? "");
    return { key, inner: innerOf(type) };
  };
  const innerOf = (type: FieldType): FieldKey[] =>
    type.kind === "struct"
      ? type.fields.map(column)
      : innerTypes(type).map((inner) => ({ key: undefined, inner: innerOf(inner) }));
  return fields.map(column);
}
