import { isUtf8 } from "node:buffer";
import { Field as ArrowField, Binary, type Data, type DataType, makeData, Schema, Utf8 } from "apache-arrow";
import { ARROW_NUMBERS } from "../../shared/dataset/arrow-numbers.ts";
import { offsetsBehind, validity } from "../../shared/dataset/text-column.ts";
import { nameOfType } from "../../shared/domain/column-type-names.ts";
import type { Field, FieldType, NumericType } from "../../shared/domain/dataset.ts";

type NumberName = Exclude<NumericType, "bool" | "float16">;

function numberName(type: FieldType): NumberName | null {
  const isNumber = type.kind === "numeric" && type.type !== "bool" && type.type !== "float16";
  return isNumber ? (type.type as NumberName) : null;
}

/** Returns the Arrow schema of a form's columns. */
export function tarSchema(fields: readonly Field[]): Schema {
  return new Schema(
    fields.map(({ name, type, nullable }) => new ArrowField(name, arrowType(type), nullable)),
  );
}

function arrowType(type: FieldType): DataType {
  const number = numberName(type);
  if (number !== null) return ARROW_NUMBERS[number]();
  return type.kind === "string" ? new Utf8() : new Binary();
}

/** Content of a column's members. Null: the row has no such member. */
type Contents = readonly (Buffer | null)[];

/** Column with the faults of its values. */
interface MadeColumn {
  readonly data: Data;
  /** Rows whose values do not have the type, with the reason. They are null. */
  readonly faults: ReadonlyMap<number, string>;
}

/** Makes a column of the type from the members' contents. */
export function memberColumn(type: FieldType, contents: Contents): MadeColumn {
  const faults = new Map<number, string>();
  const number = numberName(type);
  if (number !== null) return { data: numberColumn(number, contents, faults), faults };
  if (type.kind !== "string") return { data: bytesColumn(new Binary(), contents), faults };
  const texts = contents.map((content, row) => {
    if (content === null || isUtf8(content)) return content;
    faults.set(row, "it is not UTF-8: set its type in input.types, or write it as UTF-8");
    return null;
  });
  return { data: bytesColumn(new Utf8(), texts), faults };
}

function bytesColumn(type: Binary | Utf8, contents: Contents): Data {
  const lengths = contents.map((content) => content?.length ?? 0);
  const valueOffsets = offsetsBehind(lengths);
  const data = new Uint8Array(valueOffsets.at(-1) ?? 0);
  for (const [row, content] of contents.entries()) if (content !== null) data.set(content, valueOffsets[row]);
  const rows = { length: contents.length, valueOffsets, data, ...present(contents) };
  return type instanceof Binary ? makeData({ type, ...rows }) : makeData({ type, ...rows });
}

function present(values: readonly unknown[]) {
  return validity(values.map((value) => value !== null));
}

const SHOWN_CHARS = 60;

/** Limit of the text of a number. A longer member has other content. */
const NUMBER_MOST_BYTES = 1_000;

function numberColumn(name: NumberName, contents: Contents, faults: Map<number, string>): Data {
  const values = contents.map((content, row) => {
    if (content === null) return null;
    const text = content.toString("latin1", 0, NUMBER_MOST_BYTES);
    const parsed = name.startsWith("float") ? floatOf(text) : wholeOf(text, name);
    const value = content.length > NUMBER_MOST_BYTES ? null : parsed;
    const shown = JSON.stringify(text.slice(0, SHOWN_CHARS));
    if (value === null)
      faults.set(
        row,
        `${shown} is not ${nameOfType({ kind: "numeric", type: name })}, the type of the column: set another in input.types`,
      );
    return value;
  });
  const type = ARROW_NUMBERS[name]();
  const data = new type.ArrayType(values.length);
  const isWide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (const [row, value] of values.entries())
    if (value !== null) data[row] = (isWide ? value : Number(value)) as never;
  return makeData({ type, length: values.length, data, ...present(values) } as never);
}

/** Parses a whole number of the type. Null: the text is another, or beyond the type's bits. */
function wholeOf(text: string, name: NumberName): bigint | null {
  // Python's `int` accepts spaces around, a sign, and single underscores between digits.
  const [, sign, digits = ""] = /^[ \t-\r]*([+-]?)([0-9]+(?:_[0-9]+)*)[ \t-\r]*$/.exec(text) ?? [];
  if (digits === "" || digits.length > 100) return null;
  const value = BigInt(digits.replaceAll("_", "")) * (sign === "-" ? -1n : 1n);
  const bits = Number(name.replace(/^u?int/, ""));
  const held = name.startsWith("u") ? BigInt.asUintN(bits, value) : BigInt.asIntN(bits, value);
  return held === value ? value : null;
}

function floatOf(text: string): number | null {
  const trimmed = text.trim();
  if (/^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)(e[+-]?[0-9]+)?$/i.test(trimmed)) return Number(trimmed);
  const [, sign, word = ""] = /^([+-]?)(inf|infinity|nan)$/i.exec(trimmed) ?? [];
  if (word === "") return null;
  return word.toLowerCase() === "nan" ? Number.NaN : sign === "-" ? -Infinity : Infinity;
}
