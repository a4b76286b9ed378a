import { DataType, type Field } from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { inputUnsupported } from "../../shared/dataset/input-errors.ts";
import type { FileIndex } from "../../shared/domain/dataset.ts";
import { FIELD_ID, type FieldKey, type KeyOf } from "../lake/adapt-column.ts";
import { openTableFile } from "../lake/table-file.ts";
import type { FieldIds, IcebergIndex, MappedName } from "./op.ts";

/**
 * Opens a data file of an Iceberg table: its columns are those of the table, found by their ids. The new file
 * disposes of the given one.
 *
 * @throws {INPUT_UNSUPPORTED} when a column has another type than the table, or none can be found
 */
export function openIcebergFile(file: DatasetFile, index: FileIndex): DatasetFile {
  const { form, values, deleted } = index as IcebergIndex;
  const hasIds = file.schema.fields.some(({ metadata }) => metadata.has(FIELD_ID));
  if (!hasIds && form.names.length === 0 && file.schema.fields.length > 0) {
    file[Symbol.dispose]();
    const hint = "set the table's property schema.name-mapping.default, or write the file again";
    throw inputUnsupported(file.path, "columns without ids, and the table has no names for them", hint);
  }
  return openTableFile(file, {
    format: form.kind,
    columns: form.fields.map((field, at) => {
      const ids = present(form.ids[at], "a column has an id");
      return { field, key: keyOf(ids), value: values[ids.id], isOwnFirst: true };
    }),
    keyOf: hasIds ? idOf : idsByName(file.schema.fields, form.names),
    identity: [form.fields, form.ids, form.names, values],
    deleted,
  });
}

function keyOf({ id, inner }: FieldIds): FieldKey {
  return { key: String(id), inner: inner.map(keyOf) };
}

function idOf({ metadata }: Field): string | undefined {
  return metadata.get(FIELD_ID);
}

/**
 * Finds the ids of fields by their names. Files that were added to the table as they are have no ids, but the
 * table has names for them.
 */
function idsByName(fields: readonly Field[], names: readonly MappedName[]): KeyOf {
  const ids = new Map<Field, string>();
  const walk = (own: readonly Field[], mapped: readonly MappedName[]) => {
    for (const field of own) {
      const found = mapped.find((each) => each.names.includes(field.name));
      if (found === undefined) continue;
      if (found.id !== null) ids.set(field, String(found.id));
      const { type } = field;
      // Names of items and of entries differ between writers, so their places count.
      if (DataType.isList(type) || DataType.isLargeList(type)) walkAll(type.children, found.inner);
      else if (DataType.isMap(type)) walkAll(type.children[0]?.type.children ?? [], found.inner);
      else if (DataType.isStruct(type)) walk(type.children, found.inner);
    }
  };
  const walkAll = (own: readonly Field[], mapped: readonly MappedName[]) => {
    for (const [at, field] of own.entries()) {
      const each = mapped[at];
      if (each !== undefined) walk([field], [{ ...each, names: [field.name] }]);
    }
  };
  walk(fields, names);
  return (field) => ids.get(field);
}
