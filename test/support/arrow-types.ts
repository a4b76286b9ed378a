import {
  Binary,
  BinaryView,
  Bool,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  DenseUnion,
  Dictionary,
  DurationMicrosecond,
  DurationMillisecond,
  DurationNanosecond,
  DurationSecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  IntervalDayTime,
  IntervalMonthDayNano,
  IntervalYearMonth,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  makeData,
  Null,
  SparseUnion,
  Struct,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  Utf8View,
  vectorFromArray,
} from "apache-arrow";
import { only, tableOf } from "./sample-table.ts";

/**
 * Three values of an Arrow type, of which the second is null. `texts`: the first and third as DuckDB prints
 * them.
 */
export interface TypeSample {
  readonly data: Data;
  readonly texts: readonly [first: string, third: string];
}

/** Validity bits: the second of three values is null. */
const VALIDITY = Uint8Array.of(0b101);

function fixed(
  type: DataType,
  values: ArrayLike<number> | BigInt64Array,
  ...texts: [string, string]
): TypeSample {
  const nulls = { length: 3, nullCount: 1, nullBitmap: VALIDITY };
  return { data: makeData({ type, data: values, ...nulls } as never), texts };
}

function made(type: DataType, first: unknown, third: unknown, ...texts: [string, string]): TypeSample {
  return { data: only(vectorFromArray([first, null, third], type)), texts };
}

/** A day before 1970 and one after, and a second before and one after. */
const DAYS_MS = BigInt64Array.of(86_400_000n, 0n, -172_800_000n);
const SECONDS = BigInt64Array.of(1n, 0n, -86_401n);
const scaled = (factor: bigint) => SECONDS.map((value) => value * factor);
const TIMES: [string, string] = ["1970-01-01 00:00:01", "1969-12-30 23:59:59"];
const TIMES_ZONED: [string, string] = ["1970-01-01 00:00:01+00", "1969-12-30 23:59:59+00"];
const LONG = "a text of more than twelve bytes, é";

/** Every Arrow type that can be read, by pyarrow's name for it. */
export const ARROW_TYPES: Readonly<Record<string, TypeSample>> = {
  null: { data: makeData({ type: new Null(), length: 3 }), texts: ["NULL", "NULL"] },
  bool: made(new Bool(), true, false, "true", "false"),
  int8: fixed(new Int8(), Int8Array.of(-128, 0, 127), "-128", "127"),
  int16: fixed(new Int16(), Int16Array.of(-32768, 0, 32767), "-32768", "32767"),
  int32: fixed(new Int32(), Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1), "-2147483648", "2147483647"),
  int64: fixed(
    new Int64(),
    BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n),
    "-9223372036854775808",
    "9223372036854775807",
  ),
  uint8: fixed(new Uint8(), Uint8Array.of(0, 0, 255), "0", "255"),
  uint16: fixed(new Uint16(), Uint16Array.of(0, 0, 65535), "0", "65535"),
  uint32: fixed(new Uint32(), Uint32Array.of(0, 0, 2 ** 32 - 1), "0", "4294967295"),
  uint64: made(new Uint64(), 0n, 2n ** 64n - 1n, "0", "18446744073709551615"),
  float16: fixed(new Float16(), Uint16Array.of(0x3c00, 0, 0xc000), "1.0", "-2.0"),
  float32: fixed(new Float32(), Float32Array.of(0.5, 0, Number.NaN), "0.5", "nan"),
  float64: fixed(new Float64(), Float64Array.of(0.1, 0, Number.NEGATIVE_INFINITY), "0.1", "-inf"),
  string: made(new Utf8(), LONG, "", LONG, ""),
  large_string: made(new LargeUtf8(), LONG, "b", LONG, "b"),
  string_view: made(new Utf8View(), LONG, "b", LONG, "b"),
  binary: made(new Binary(), Uint8Array.of(0xaa, 0), Uint8Array.of(), "\\xAA\\x00", ""),
  large_binary: made(new LargeBinary(), Uint8Array.of(0xaa), Uint8Array.of(0xbb), "\\xAA", "\\xBB"),
  binary_view: made(
    new BinaryView(),
    new Uint8Array(13).fill(0xaa),
    Uint8Array.of(1),
    "\\xAA".repeat(13),
    "\\x01",
  ),
  fixed_size_binary: made(
    new FixedSizeBinary(2),
    Uint8Array.of(0xaa, 0),
    Uint8Array.of(1, 2),
    "\\xAA\\x00",
    "\\x01\\x02",
  ),
  "fixed_size_binary of 0": fixed(new FixedSizeBinary(0), new Uint8Array(0), "", ""),
  date32: fixed(new DateDay(), Int32Array.of(1, 0, -2), "1970-01-02", "1969-12-30"),
  date64: fixed(new DateMillisecond(), DAYS_MS, "1970-01-02", "1969-12-30"),
  "time32[s]": fixed(new TimeSecond(), Int32Array.of(1, 0, 86_399), "00:00:01", "23:59:59"),
  "time32[ms]": fixed(new TimeMillisecond(), Int32Array.of(1, 0, 86_399_999), "00:00:00.001", "23:59:59.999"),
  "time64[us]": fixed(
    new TimeMicrosecond(),
    BigInt64Array.of(1n, 0n, 86_399_999_999n),
    "00:00:00.000001",
    "23:59:59.999999",
  ),
  "time64[ns]": fixed(
    new TimeNanosecond(),
    BigInt64Array.of(1n, 0n, 86_399_999_999_999n),
    "00:00:00.000000001",
    "23:59:59.999999999",
  ),
  "timestamp[s]": fixed(new TimestampSecond(), SECONDS, ...TIMES),
  "timestamp[ms]": fixed(new TimestampMillisecond(), scaled(1_000n), ...TIMES),
  "timestamp[us]": fixed(new TimestampMicrosecond(), scaled(1_000_000n), ...TIMES),
  "timestamp[ns]": fixed(new TimestampNanosecond(), scaled(1_000_000_000n), ...TIMES),
  "timestamp[s, UTC]": fixed(new TimestampSecond("UTC"), SECONDS, ...TIMES_ZONED),
  "timestamp[ms, Europe/Berlin]": fixed(
    new TimestampMillisecond("Europe/Berlin"),
    scaled(1_000n),
    ...TIMES_ZONED,
  ),
  "timestamp[us, +02:00]": fixed(new TimestampMicrosecond("+02:00"), scaled(1_000_000n), ...TIMES_ZONED),
  "timestamp[ns, UTC]": fixed(new TimestampNanosecond("UTC"), scaled(1_000_000_000n), ...TIMES_ZONED),
  "duration[s]": fixed(new DurationSecond(), SECONDS, "1", "-86401"),
  "duration[ms]": fixed(new DurationMillisecond(), SECONDS, "1", "-86401"),
  "duration[us]": fixed(new DurationMicrosecond(), SECONDS, "1", "-86401"),
  "duration[ns]": fixed(new DurationNanosecond(), SECONDS, "1", "-86401"),
  "interval[year_month]": fixed(
    new IntervalYearMonth(),
    Int32Array.of(14, 0, 1),
    "1 year 2 months",
    "1 month",
  ),
  "interval[day_time]": fixed(
    new IntervalDayTime(),
    Int32Array.of(2, 3_000, 0, 0, 1, 5),
    "2 days 00:00:03",
    "1 day 00:00:00.005",
  ),
  "interval[month_day_nano]": fixed(new IntervalMonthDayNano(), new Int32Array(12).fill(1), "", ""),
  decimal32: fixed(new Decimal(2, 7, 32), Int32Array.of(123, 0, -450), "1.23", "-4.50"),
  decimal64: fixed(new Decimal(2, 15, 64), Int32Array.of(123, 0, 0, 0, -450, -1), "1.23", "-4.50"),
  decimal128: fixed(
    new Decimal(2, 20, 128),
    Int32Array.of(123, 0, 0, 0, 0, 0, 0, 0, -450, -1, -1, -1),
    "1.23",
    "-4.50",
  ),
  decimal256: fixed(
    new Decimal(2, 20, 256),
    Int32Array.of(123, ...new Array(15).fill(0), -450, ...new Array(7).fill(-1)),
    "1.23",
    "-4.50",
  ),
  "decimal256 of 50 digits": fixed(
    new Decimal(2, 50, 256),
    Int32Array.of(150, ...new Array(15).fill(0), -450, ...new Array(7).fill(-1)),
    "1.5",
    "-4.5",
  ),
  "decimal128 of scale -2": fixed(new Decimal(-2, 10, 128), new Int32Array(12), "", ""),
  list: made(new List(new Field("item", new Int32(), true)), [1, null], [], "[1, NULL]", "[]"),
  large_list: largeList(),
  fixed_size_list: made(
    new FixedSizeList(2, new Field("item", new Int32(), true)),
    [1, 2],
    [3, null],
    "[1, 2]",
    "[3, NULL]",
  ),
  struct: made(
    new Struct([new Field("a", new Int32(), true), new Field("b", new TimestampSecond(), true)] as never),
    { a: 1, b: 1_000 },
    { a: null, b: null },
    "{'a': 1, 'b': '1970-01-01 00:00:01'}",
    "{'a': NULL, 'b': NULL}",
  ),
  map: mapOfDates(),
  dictionary: made(new Dictionary(new Utf8(), new Int8()), "x", "y", "x", "y"),
  "dictionary of dates": {
    data: makeData({
      type: new Dictionary(new DateMillisecond(), new Int32()),
      data: Int32Array.of(0, 0, 2),
      length: 3,
      nullCount: 1,
      nullBitmap: VALIDITY,
      dictionary: vectorOf(makeData({ type: new DateMillisecond(), data: DAYS_MS, length: 3 } as never)),
    } as never),
    texts: ["1970-01-02", "1969-12-30"],
  },
  dense_union: union(true),
  sparse_union: union(false),
};

function vectorOf(data: Data) {
  const column = tableOf({ column: data }).getChildAt(0);
  if (column === null) throw new Error("a table of one column");
  return column;
}

function largeList(): TypeSample {
  const child = makeData({ type: new Int32(), data: Int32Array.of(1, 2) });
  const valueOffsets = BigInt64Array.of(0n, 2n, 2n, 2n);
  const type = new LargeList(new Field("item", new Int32(), true));
  return {
    data: makeData({ type, length: 3, nullCount: 1, nullBitmap: VALIDITY, valueOffsets, child } as never),
    texts: ["[1, 2]", "[]"],
  };
}

function mapOfDates(): TypeSample {
  const fields = [new Field("key", new Utf8(), false), new Field("value", new DateMillisecond(), true)];
  const entries = new Struct(fields as never);
  const children = [
    only(vectorFromArray(["a", "b"], new Utf8())),
    makeData({ type: new DateMillisecond(), data: BigInt64Array.of(86_400_000n, 0n), length: 2 } as never),
  ];
  const child = makeData({ type: entries, length: 2, nullCount: 0, children } as never);
  const type = new Map_(new Field("entries", entries, false) as never);
  const valueOffsets = Int32Array.of(0, 1, 1, 2);
  return {
    data: makeData({ type, length: 3, nullCount: 1, nullBitmap: VALIDITY, valueOffsets, child } as never),
    texts: ["{a=1970-01-02}", "{b=1970-01-01}"],
  };
}

function union(isDense: boolean): TypeSample {
  const fields = [new Field("a", new Int32(), true), new Field("b", new Utf8(), true)];
  const children = [
    makeData({ type: new Int32(), data: Int32Array.of(1, 2, 3) }),
    only(vectorFromArray(["x", "y", "z"], new Utf8())),
  ];
  const typeIds = Int8Array.of(0, 1, 0);
  const type = isDense ? new DenseUnion([0, 1], fields as never) : new SparseUnion([0, 1], fields as never);
  const offsets = isDense ? { valueOffsets: Int32Array.of(0, 1, 2) } : {};
  return { data: makeData({ type, length: 3, typeIds, children, ...offsets } as never), texts: ["", ""] };
}
