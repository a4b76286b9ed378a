import {
  Data,
  DataType,
  DateDay,
  DateUnit,
  Field,
  FixedSizeList,
  Int32,
  LargeList,
  List,
  Map_,
  Schema,
  Struct,
  Table,
  TimeMillisecond,
  TimestampMillisecond,
  TimeUnit,
} from "apache-arrow";
import { quickSchema, recordBatchOf } from "./record-batch.ts";

const DAY_MS = 86_400_000n;
const MS_PER_SECOND = 1_000;

/**
 * Converts columns to the units that Parquet has: dates to days, timestamps and times in seconds to
 * milliseconds. Unconverted, they would be written as bare integers. Untyped nulls inside lists and structs
 * become int32, as they are in Parquet anyway. Returns the table itself when nothing changes.
 *
 * @throws {RangeError} when a value does not fit
 */
export function parquetTable(table: Table): Table {
  const fields = table.schema.fields.map(changedField);
  if (fields.every((field, index) => field === table.schema.fields[index])) return table;
  const schema = quickSchema(new Schema(fields, table.schema.metadata));
  const batches = table.batches.map(({ data }) => {
    const children = data.children.map((child) => changed(child));
    return recordBatchOf(schema, data.length, children);
  });
  return new Table(schema, batches);
}

/** Converts a column's field. A column of untyped nulls stays: Parquet supports them for whole columns. */
function changedField(field: Field): Field {
  return DataType.isNull(field.type) ? field : renewed(field, changedType(field.type));
}

function innerField(field: Field): Field {
  return renewed(field, DataType.isNull(field.type) ? new Int32() : changedType(field.type));
}

function renewed(field: Field, type: DataType): Field {
  return type === field.type ? field : new Field(field.name, type, field.nullable, field.metadata);
}

function changedType(type: DataType): DataType {
  if (DataType.isDate(type)) return type.unit === DateUnit.MILLISECOND ? new DateDay() : type;
  if (DataType.isTimestamp(type)) {
    return type.unit === TimeUnit.SECOND ? new TimestampMillisecond(type.timezone) : type;
  }
  if (DataType.isTime(type)) return type.unit === TimeUnit.SECOND ? new TimeMillisecond() : type;
  const fields = (type.children ?? []).map(innerField);
  const [first] = fields;
  if (first === undefined || fields.every((field, index) => field === type.children[index])) return type;
  if (DataType.isList(type)) return new List(first);
  if (DataType.isLargeList(type)) return new LargeList(first);
  if (DataType.isFixedSizeList(type)) return new FixedSizeList(type.listSize, first);
  if (DataType.isMap(type)) return new Map_(first, type.keysSorted);
  if (DataType.isStruct(type)) return new Struct(fields);
  return type;
}

function changed(data: Data, isInner = false): Data {
  const { type } = data;
  if (DataType.isNull(type)) return isInner ? nulls(data.length) : data;
  const target = changedType(type);
  if (target === type) return data;
  if (DataType.isDate(target)) return withValues(data, target, wholeDays(data));
  if (DataType.isTimestamp(target)) return withValues(data, target, milliseconds(data));
  if (DataType.isTime(target)) {
    return withValues(
      data,
      target,
      (data.values as Int32Array).map((seconds) => seconds * MS_PER_SECOND),
    );
  }
  return changedChildren(
    data,
    target,
    data.children.map((child) => changed(child, true)),
  );
}

/** Converts milliseconds to days. Rounds down, so that times before 1970 fall on their own day. */
function wholeDays(data: Data): Int32Array {
  const source = data.values as BigInt64Array;
  return Int32Array.from(source, (ms, row) => {
    const days = (ms - (((ms % DAY_MS) + DAY_MS) % DAY_MS)) / DAY_MS;
    return Number(fitting(data, row, days, BigInt.asIntN(32, days)));
  });
}

function milliseconds(data: Data): BigInt64Array {
  const source = data.values as BigInt64Array;
  return source.map((seconds, row) => {
    const ms = seconds * BigInt(MS_PER_SECOND);
    return fitting(data, row, ms, BigInt.asIntN(64, ms));
  });
}

/** Checks that a value fits. Ignores values under a null. */
function fitting(data: Data, row: number, wanted: bigint, held: bigint): bigint {
  if (wanted === held || !data.getValid(row)) return held;
  throw new RangeError(`a value of type ${String(data.type)} lies too far from 1970 for Parquet`);
}

function nulls(length: number): Data {
  const validity = new Uint8Array(Math.ceil(length / 8));
  return new Data(new Int32(), 0, length, length, [undefined, new Int32Array(length), validity]);
}

// Arrow types its buffers by column type, which is known only at run time here.
type AnyBuffers = ConstructorParameters<typeof Data>[4];

function withValues(data: Data, type: DataType, values: Int32Array | BigInt64Array): Data {
  const { offset, length, nullCount, nullBitmap } = data;
  return new Data(type, offset, length, nullCount, [undefined, values, nullBitmap] as AnyBuffers);
}

function changedChildren(data: Data, type: DataType, children: Data[]): Data {
  const { offset, length, nullCount, nullBitmap, valueOffsets } = data;
  const buffers = [valueOffsets, undefined, nullBitmap] as AnyBuffers;
  return new Data(type, offset, length, nullCount, buffers, children);
}
