import { type Data, type RecordBatch, type Table, Vector } from "apache-arrow";
import { cellReader } from "../../shared/dataset/cell-reader.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import type { Field, FieldType, TimeUnit } from "../../shared/domain/dataset.ts";
import { rangeOf } from "./range.ts";
import type { LongValue, Shown, ShownColumn, ShownValue } from "./row-trace.ts";

/** Limit of one row's parts, which a user can inspect. */
const MOST_ROWS = 20;
/** Limits of lists, texts and bytes. A list fills slightly more than a line. */
const MOST_ITEMS = 32;
const MOST_CHARS = 2_000;
const MOST_BYTES = 16;

/** Converts the first rows of a record batch or a table. `names` selects columns. Default: all. */
export function shownRows(rows: RecordBatch | Table, names?: readonly string[]): Shown {
  const fields = fieldsOf(rows.schema);
  const wanted = names === undefined ? fields : fields.filter(({ name }) => names.includes(name));
  const columns = wanted.map((field): ShownColumn => {
    const cells = rows.getChildAt(fields.indexOf(field));
    return shownColumn(field, cells === null ? () => null : cellReader(cells), rows.numRows);
  });
  return { columns, rows: rows.numRows };
}

function shownColumn({ name, type }: Field, cellAt: (row: number) => unknown, rows: number): ShownColumn {
  const count = Math.min(rows, MOST_ROWS);
  return { name, type, values: Array.from({ length: count }, (_, row) => shownValue(type, cellAt(row))) };
}

/** Converts an Arrow value to readable JSON. */
function shownValue(type: FieldType, value: unknown): ShownValue {
  if (value === null || value === undefined) return null;
  switch (type.kind) {
    case "list":
    case "fixedList":
      return shownList(type.item, itemsOf(type.item, value as Iterable<unknown>));
    case "dictionary":
      return shownValue(type.values, value);
    case "struct":
      return Object.fromEntries(
        type.fields.map((field) => [field.name, shownValue(field.type, memberOf(value, field.name))]),
      );
    case "map":
      return [...(value as Iterable<readonly [unknown, unknown]>)]
        .slice(0, MOST_ITEMS)
        .map(([key, item]) => [shownValue(type.key, key), shownValue(type.value, item)]);
    case "date":
      return typeof value === "number" ? dateText(value) : plain(value);
    case "timestamp":
      return typeof value === "number" ? timestampText(value, type.zone) : plain(value);
    case "time":
      return timeText(Number(value), type.unit);
    case "duration":
      return `${String(value)} ${type.unit}s`;
    case "decimal":
      return value instanceof Uint32Array ? decimalText(value, type.scale) : plain(value);
    default:
      return plain(value);
  }
}

/** Returns the items of a list. Arrow's own array of millions of numbers is not copied. */
function itemsOf(item: FieldType, list: Iterable<unknown>): ArrayLike<unknown> {
  const isPlain = item.kind === "numeric" && item.type !== "bool" && item.type !== "float16";
  return isPlain && list instanceof Vector && list.nullCount === 0
    ? (list.toArray() as ArrayLike<unknown>)
    : Array.from(list);
}

function shownList(item: FieldType, items: ArrayLike<unknown>): ShownValue {
  const count = Math.min(items.length, MOST_ITEMS);
  const first = Array.from({ length: count }, (_, at) => shownValue(item, items[at]));
  return items.length <= MOST_ITEMS ? first : long("items", items.length, first, rangeIn(item, items));
}

function plain(value: unknown): ShownValue {
  switch (typeof value) {
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "bigint":
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
    case "string":
      return value.length <= MOST_CHARS
        ? value
        : long("characters", value.length, value.slice(0, MOST_CHARS));
    default:
      return value instanceof Uint8Array ? shownBytes(value) : shownObject(value);
  }
}

function shownBytes(bytes: Uint8Array): ShownValue {
  const hex = Buffer.from(bytes.subarray(0, MOST_BYTES)).toString("hex");
  return long("bytes", bytes.length, hex);
}

function long(
  kind: LongValue["long"],
  length: number,
  first: ShownValue,
  range: LongValue["range"] = null,
): LongValue {
  return { long: kind, length, range, first };
}

/** Returns the range of numbers without nulls. Null: not numbers. */
function rangeIn(item: FieldType, items: ArrayLike<unknown>): LongValue["range"] {
  if (item.kind !== "numeric" || item.type === "bool") return null;
  return rangeOf(numbersIn(items)).range;
}

function* numbersIn(items: ArrayLike<unknown>): Generator<number> {
  for (let at = 0; at < items.length; at += 1) if (items[at] !== null) yield Number(items[at]);
}

/** Converts an interval, which is several numbers, or a union's value, which has any other type. */
function shownObject(value: unknown): ShownValue {
  if (ArrayBuffer.isView(value)) return [...(value as unknown as Iterable<number>)].map(Number);
  return String(value);
}

function memberOf(value: unknown, name: string): unknown {
  return (value as Readonly<Record<string, unknown>>)[name];
}

function dateText(ms: number): string {
  return isoText(ms).slice(0, "2000-01-01".length);
}

function timestampText(ms: number, zone: string | null): string {
  const text = isoText(ms).replace(/\.000Z$/, "Z");
  return zone === null ? text.replace(/Z$/, "") : text;
}

/** Formats a time. Years beyond JavaScript's dates stay numbers. */
function isoText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString();
}

/** Returns the value of one column in one row. */
export function cellOf(data: Data, row: number): unknown {
  return cellReader(data)(row);
}

const UNITS_OF_SECOND = {
  second: 1,
  millisecond: 1e3,
  microsecond: 1e6,
  nanosecond: 1e9,
} as const satisfies Record<TimeUnit, number>;

/** Formats a time of day: `13:05:09.25`. */
function timeText(value: number, unit: TimeUnit): string {
  const seconds = value / UNITS_OF_SECOND[unit];
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor((seconds % 3600) / 60)];
  const rest = Number((seconds % 60).toFixed(9));
  const two = (number: number) => String(number).padStart(2, "0");
  return `${two(hours)}:${two(minutes)}:${rest < 10 ? "0" : ""}${rest}`;
}

/** Formats an Arrow decimal: little-endian words in two's complement. */
function decimalText(words: Uint32Array, scale: number): string {
  const bits = words.length * 32;
  const whole = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word), 0n);
  const value = BigInt.asIntN(bits, whole);
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const sign = value < 0n ? "-" : "";
  if (scale <= 0) return `${sign}${digits}${"0".repeat(-scale)}`;
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
