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
import type { FileColumn } from "./file-columns.ts";

/** Adaptation of a column of a data file to a column of the table. */
export interface Adapted {
  readonly type: DataType;
  /** True when the values stay as they are, and so do their statistics. */
  readonly isSame: boolean;
  readonly adapt: (data: Data) => Data;
}

/** Rules to find the parts of a column in a file. */
interface FoundBy {
  readonly column: FileColumn;
  /** Returns the key of a file's field. */
  readonly keyOf: (field: Field) => string | undefined;
}

/**
 * Adapts a column of a file to a type of the table. Timestamps get the unit and zone of the table, and
 * structs its fields: those that the file lacks are null. Null: the types differ otherwise.
 */
export function adaptColumn(from: DataType, to: FieldType, found: FoundBy): Adapted | null {
  if (!hasOwnRules(to)) return isDeepStrictEqual(fieldTypeOf(from), to) ? sameColumn(from) : null;
  switch (to.kind) {
    case "timestamp":
      return adaptTimestamp(from, to);
    case "struct":
      return DataType.isStruct(from) ? adaptStruct(from, to, found) : null;
    case "list":
      return DataType.isList(from) || DataType.isLargeList(from) ? adaptList(from, to, found) : null;
    case "map":
      return DataType.isMap(from) ? adaptMap(from, to, found) : null;
    default:
      return null;
  }
}

function sameColumn(type: DataType): Adapted {
  return { type, isSame: true, adapt: (data) => data };
}

/** Checks for types whose form may differ between the files of a table. */
function hasOwnRules(type: FieldType): boolean {
  return type.kind === "timestamp" || type.kind === "struct" || innerTypes(type).some(hasOwnRules);
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

function adaptStruct(from: Struct, to: StructType, { column, keyOf }: FoundBy): Adapted | null {
  const parts: Part[] = [];
  for (const [field, { name, type }] of to.fields.entries()) {
    const part = partOf(column, field);
    const at = from.children.findIndex((child) => keyOf(child) === part.key);
    const own = from.children[at];
    const adapted =
      own === undefined ? lackedColumn(type) : adaptColumn(own.type, type, { column: part, keyOf });
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
  to: Extract<FieldType, { kind: "list" }>,
  { column, keyOf }: FoundBy,
): Adapted | null {
  const item = adaptColumn(from.valueType, to.item, { column: partOf(column, 0), keyOf });
  if (item === null) return null;
  const { name, nullable } = from.valueField;
  const field = new Field(name, item.type, nullable);
  const type = DataType.isLargeList(from) ? new LargeList(field) : new List(field);
  const adapt = (data: Data) => withParts(data, type, { children: data.children.map(item.adapt) });
  return { type, isSame: false, adapt };
}

function partOf({ parts }: FileColumn, at: number): FileColumn {
  return present(parts[at], "a column has a part for each inner type");
}

function adaptMap(
  from: Map_,
  to: Extract<FieldType, { kind: "map" }>,
  { column, keyOf }: FoundBy,
): Adapted | null {
  const [entries] = from.children;
  const fields = entries?.type.children ?? [];
  const adapted = [to.key, to.value].map((type, at) => {
    const field = fields[at];
    const part = { column: partOf(column, at), keyOf };
    const own = field === undefined ? null : adaptColumn(field.type, type, part);
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
  parts: { readonly values?: BigInt64Array; readonly children?: readonly Data[] },
): Data {
  const buffers = [valueOffsets, parts.values ?? values, nullBitmap, typeIds] as never;
  return new Data(type, offset, length, nullCount, buffers, [...(parts.children ?? [])]);
}
