import type { DataType, Schema } from "apache-arrow";
import { assert } from "../core/assert.ts";
import { messageOf, ShardmillError } from "../core/errors.ts";
import { fieldTypeOf } from "./fields.ts";
import { inputUnsupported } from "./input-errors.ts";

/**
 * Returns the places of `columns` in `schema`, in the requested order.
 *
 * @throws {INPUT_CHANGED} when the file has lost a column since the plan was made
 */
export function columnIndices(schema: Schema, columns: readonly string[], path: string): number[] {
  assert(columns.length > 0, "at least one column is read");
  const indexOf = new Map(schema.fields.map(({ name }, index) => [name, index]));
  return columns.map((column) => {
    const index = indexOf.get(column);
    if (index !== undefined) return index;
    throw new ShardmillError("INPUT_CHANGED", `${path} has no column ${column}`, {
      fields: { path, column },
      hint: "start the job again: the file was replaced since the job was planned",
    });
  });
}

/** @throws {INPUT_UNSUPPORTED} when there are no columns, two of one name, or one of an unknown type */
export function refuseUnusableColumns(schema: Schema, path: string): void {
  if (schema.fields.length === 0) {
    throw inputUnsupported(path, "a schema without columns", "exclude it from input.path");
  }
  const seen = new Set<string>();
  for (const { name, type } of schema.fields) {
    if (seen.has(name)) {
      throw inputUnsupported(path, `two columns named ${name}`, "give each column its own name");
    }
    seen.add(name);
    refuseUnknownType(name, type, path);
  }
}

function refuseUnknownType(name: string, type: DataType, path: string): void {
  try {
    fieldTypeOf(type);
  } catch (error) {
    throw inputUnsupported(
      path,
      `a column \`${name}\` of an unknown type (${messageOf(error)})`,
      "convert it",
    );
  }
}
