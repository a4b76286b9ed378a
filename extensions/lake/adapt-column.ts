import { isDeepStrictEqual } from "node:util";
import {
  Data,
  DataType,
  Field,
  LargeList,
  List,
  Map_,
  makeData,
  Null,
  Struct,
  TimestampMicrosecond,
  TimeUnit,
} from "apache-arrow";
import { present } from "../../shared/core/assert.ts";
import { fieldTypeOf } from "../../shared/dataset/fields.ts";
import { gather } from "../../shared/dataset/gather.ts";
import { type FieldType, innerTypes } from "../../shared/domain/dataset.ts";
import { arrowTypeOf } from "./arrow-types.ts";

/** Adaptation of a column of a data file to a column of the table. */
export interface Adapted {
  readonly type: DataType;
  /** True when the values stay as they are, and so do their statistics. */
  readonly isSame: boolean;
  readonly adapt: (data: Data) => Data;
}

/** Keys by which files of a table name a column, and the fields in it. */
export interface FieldKey {
  /** Undefined: an item, key or value that has none. */
  readonly key: string | undefined;
  /** Keys of the types in it, in the order of `innerTypes`. */
  readonly inner: readonly FieldKey[];
}

/** Metadata of an Arrow field with the id that a Parquet file gives it. */
export const FIELD_ID = "PARQUET:field_id";

/** Returns the key of a column of a file, or of a field in one. Undefined: it has none. */
export type KeyOf = (field: Field) => string | undefined;

/** Type of a column of the table, and its keys. */
interface Target<T extends FieldType = FieldType> {
  readonly type: T;
  readonly key: FieldKey;
}

/**
 * Adapts a column of a file to a column of the table. Numbers get its width, timestamps its unit and zone,
 * and structs its fields: those that the file lacks are null. Null: the types differ otherwise.
 */
export function adaptColumn(from: DataType, to: Target, keyOf: KeyOf): Adapted | null {
  const { type } = to;
  if (!hasOwnRules(type)) return isDeepStrictEqual(fieldTypeOf(from), type) ? sameColumn(from) : null;
  switch (type.kind) {
    case "timestamp":
      return adaptTimestamp(from, type);
    case "numeric":
      return adaptNumber(from, type);
    case "decimal":
      return adaptDecimal(from, type);
    case "struct":
      return DataType.isStruct(from) ? adaptStruct(from, { ...to, type }, keyOf) : null;
    case "list":
      return DataType.isList(from) || DataType.isLargeList(from)
        ? adaptList(from, { ...to, type }, keyOf)
        : null;
    case "map":
      return DataType.isMap(from) ? adaptMap(from, { ...to, type }, keyOf) : null;
    default:
      return null;
  }
}

function sameColumn(type: DataType): Adapted {
  return { type, isSame: true, adapt: (data) => data };
}

/** Checks for types whose form may differ between the files of a table. */
function hasOwnRules(type: FieldType): boolean {
  return OWN_RULES.has(type.kind) || innerTypes(type).some(hasOwnRules);
}

const OWN_RULES: ReadonlySet<string> = new Set(["timestamp", "numeric", "decimal", "struct"]);

/** Whole numbers and floats may be wider than in earlier files. */
function adaptNumber(from: DataType, to: FieldType): Adapted | null {
  const found = fieldTypeOf(from);
  if (isDeepStrictEqual(found, to)) return sameColumn(from);
  if (found.kind !== "numeric" || to.kind !== "numeric") return null;
  const type = arrowTypeOf(to);
  const adapted = (convert: (values: never) => BigInt64Array | Float64Array): Adapted => {
    const adapt = (data: Data) => withParts(data, type, { values: convert(data.values as never) });
    return { type, isSame: false, adapt };
  };
  if (found.type === "int32" && to.type === "int64")
    return adapted((values: Int32Array) => BigInt64Array.from(values, BigInt));
  if (found.type === "float32" && to.type === "float64")
    return adapted((values: Float32Array) => Float64Array.from(values));
  return null;
}

/** Decimals may have more digits than in earlier files. Each takes 128 bits, whatever its digits. */
function adaptDecimal(from: DataType, to: Extract<FieldType, { kind: "decimal" }>): Adapted | null {
  const found = fieldTypeOf(from);
  if (isDeepStrictEqual(found, to)) return sameColumn(from);
  const isWider = found.kind === "decimal" && found.scale === to.scale && found.precision <= to.precision;
  if (!isWider || !DataType.isDecimal(from) || from.bitWidth !== 128) return null;
  const type = arrowTypeOf(to);
  return { type, isSame: false, adapt: (data) => data.clone(type as never) };
}

/** Microseconds of a unit, or units in a microsecond. */
const UNITS: Readonly<Record<number, { readonly times: bigint } | { readonly parts: bigint }>> = {
  [TimeUnit.MICROSECOND]: { times: 1n },
  [TimeUnit.MILLISECOND]: { times: 1_000n },
  [TimeUnit.NANOSECOND]: { parts: 1_000n },
};

/** A file's zone says nothing: Spark writes timestamps with a zone as INT96, which has none. */
function adaptTimestamp(from: DataType, { zone }: { readonly zone: string | null }): Adapted | null {
  const unit = DataType.isTimestamp(from) ? UNITS[from.unit] : undefined;
  if (unit === undefined) return null;
  const type = new TimestampMicrosecond(zone);
  if ("times" in unit && unit.times === 1n)
    return { type, isSame: true, adapt: (data) => data.clone(type as never) };
  const convert =
    "times" in unit ? (value: bigint) => value * unit.times : (value: bigint) => floorBy(value, unit.parts);
  const adapt = (data: Data) => {
    const values = BigInt64Array.from(data.values as BigInt64Array, convert);
    return withParts(data, type, { values });
  };
  return { type, isSame: false, adapt };
}

function floorBy(value: bigint, parts: bigint): bigint {
  const whole = value / parts;
  return whole * parts > value ? whole - 1n : whole;
}

type StructType = Extract<FieldType, { kind: "struct" }>;

function adaptStruct(from: Struct, { type: to, key }: Target<StructType>, keyOf: KeyOf): Adapted | null {
  const parts: Part[] = [];
  for (const [index, { name, type }] of to.fields.entries()) {
    const inner = present(key.inner[index], "a struct has a key for each field");
    const at = from.children.findIndex((child) => keyOf(child) === inner.key);
    const own = from.children[at];
    const adapted =
      own === undefined ? lackedColumn(type) : adaptColumn(own.type, { type, key: inner }, keyOf);
    if (adapted === null) return null;
    parts.push({ at, field: new Field(name, adapted.type, own?.nullable ?? true), adapted });
  }
  const type = new Struct(parts.map(({ field }) => field));
  const adapt = (data: Data) =>
    withParts(data, type, {
      children: parts.map(({ at, adapted }) => adapted.adapt(data.children[at] ?? nullsFor(data))),
    });
  return { type, isSame: false, adapt };
}

/** Field of a struct. `at`: its place in the file, or -1. */
interface Part {
  readonly at: number;
  readonly field: Field;
  readonly adapted: Adapted;
}

function adaptList(
  from: List | LargeList,
  { type: to, key }: Target<Extract<FieldType, { kind: "list" }>>,
  keyOf: KeyOf,
): Adapted | null {
  const inner = present(key.inner[0], "a list has a key for its items");
  const item = adaptColumn(from.valueType, { type: to.item, key: inner }, keyOf);
  if (item === null) return null;
  const { name, nullable } = from.valueField;
  const field = new Field(name, item.type, nullable);
  const type = DataType.isLargeList(from) ? new LargeList(field) : new List(field);
  const adapt = (data: Data) => withParts(data, type, { children: data.children.map(item.adapt) });
  return { type, isSame: false, adapt };
}

function adaptMap(
  from: Map_,
  { type: to, key: keys }: Target<Extract<FieldType, { kind: "map" }>>,
  keyOf: KeyOf,
): Adapted | null {
  const [entries] = from.children;
  const fields = entries?.type.children ?? [];
  const adapted = [to.key, to.value].map((type, at) => {
    const field = fields[at];
    const inner = present(keys.inner[at], "a map has keys for both of its parts");
    const own = field === undefined ? null : adaptColumn(field.type, { type, key: inner }, keyOf);
    return field === undefined || own === null
      ? null
      : { field: new Field(field.name, own.type, field.nullable), own };
  });
  const [key, value] = adapted;
  if (entries === undefined || key === null || value === null || key === undefined || value === undefined)
    return null;
  const pair = new Struct([key.field, value.field]);
  const type = new Map_(new Field(entries.name, pair as never, entries.nullable), from.keysSorted);
  const adapt = (data: Data) =>
    withParts(data, type, {
      children: data.children.map((pairs) =>
        withParts(pairs, pair, {
          children: pairs.children.map((child, at) => (at === 0 ? key : value).own.adapt(child)),
        }),
      ),
    });
  return { type, isSame: false, adapt };
}

/** Column that a file lacks, because it was added to the table later. */
export function lackedColumn(to: FieldType): Adapted {
  const type = arrowTypeOf(to);
  return {
    type,
    isSame: false,
    adapt: ({ length }) => gather(type, [{ data: null, start: 0, end: length }]),
  };
}

function nullsFor({ length }: Data): Data {
  return makeData({ type: new Null(), length });
}

/** Copies a column with another type, and other values or children. */
function withParts(
  { offset, length, nullCount, valueOffsets, values, nullBitmap, typeIds }: Data & { typeIds?: unknown },
  type: DataType,
  parts: { readonly values?: BigInt64Array | Float64Array; readonly children?: readonly Data[] },
): Data {
  const buffers = [valueOffsets, parts.values ?? values, nullBitmap, typeIds] as never;
  return new Data(type, offset, length, nullCount, buffers, [...(parts.children ?? [])]);
}
