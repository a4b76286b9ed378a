import { type Data, RecordBatch, Table, Vector } from "apache-arrow";
import { fieldTypeOf } from "../../../shared/dataset/fields.ts";
import { gather } from "../../../shared/dataset/gather.ts";
import { fieldOfType, type NamedType } from "../../../shared/values/value-type.ts";
import { columnOf } from "../../../shared/values/write-values.ts";
import { arrayOf, checkValue, show, ValueFault } from "./check-value.ts";

/**
 * Checks the names of columns that a user's code made, as Arrow columns or by name.
 *
 * @throws {ValueFault} for a column that was not declared
 */
export function checkNames(columns: object, declared: readonly NamedType[]): void {
  const isArrow = columns instanceof RecordBatch || columns instanceof Table;
  const names = isArrow ? columns.schema.fields.map(({ name }) => name) : Object.keys(columns);
  const unknown = names.find((key) => !declared.some(({ name }) => name === key));
  if (unknown !== undefined) throw new ValueFault(`\`${unknown}\` is not among the declared columns`);
}

export function valuesOf(columns: object, name: string): unknown {
  return columns instanceof RecordBatch || columns instanceof Table
    ? columns.getChild(name)
    : Reflect.get(columns, name);
}

/**
 * Converts a made column to Arrow data. A row with an invalid value is added to `bad`.
 *
 * @param sources input row of each value
 * @throws {ValueFault} when the column as a whole is invalid
 */
export function checkColumn(
  values: unknown,
  column: NamedType,
  sources: readonly number[],
  bad: Map<number, string>,
): Data {
  const { name, type } = column;
  if (values instanceof Vector) return checkVector(values, column, sources, bad);
  const items = arrayOf(values);
  if (items === undefined)
    throw new ValueFault(`\`${name}\`: expected an array or an Arrow vector, found ${show(values)}`);
  checkLength(name, items.length, sources.length);
  const checked = items.map((value, at) => {
    const source = sources[at] ?? 0;
    if (bad.has(source)) return null;
    try {
      return checkValue(value, type, name);
    } catch (error) {
      if (!(error instanceof ValueFault)) throw error;
      bad.set(source, error.message);
      return null;
    }
  });
  return columnOf(checked, { ...type, isNullable: true });
}

function checkVector(
  vector: Vector,
  column: NamedType,
  sources: readonly number[],
  bad: Map<number, string>,
): Data {
  const { name, type } = column;
  checkLength(name, vector.length, sources.length);
  const wanted = fieldOfType(column).type;
  const found = fieldTypeOf(vector.type);
  if (shapeKey(found) !== shapeKey(wanted))
    throw new ValueFault(`\`${name}\`: expected a vector of ${shapeKey(wanted)}, found ${shapeKey(found)}`);
  if (!type.isNullable && vector.nullCount > 0) {
    for (const [at, source] of sources.entries()) {
      if (!vector.isValid(at) && !bad.has(source)) bad.set(source, `\`${name}\` is null`);
    }
  }
  const stretches = vector.data.map((data) => ({ data, start: 0, end: data.length }));
  return gather(vector.type, stretches);
}

/** Returns a key of a type that ignores nullability of nested fields. */
function shapeKey(type: object): string {
  return JSON.stringify(type, (key, value) => (key === "nullable" ? undefined : value));
}

function checkLength(name: string, found: number, expected: number): void {
  if (found !== expected)
    throw new ValueFault(`\`${name}\`: expected ${expected} values, one for each row, found ${found}`);
}
