import {
  Binary,
  BinaryView,
  Bool,
  type DataType,
  DateDay,
  Decimal,
  DenseUnion,
  Dictionary,
  DurationSecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Int32,
  IntervalYearMonth,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Schema,
  SparseUnion,
  Struct,
  TimeSecond,
  TimestampSecond,
  Utf8,
  Utf8View,
} from "apache-arrow";
import { describe, expect, it } from "vitest";
import { chooseColumns, copyColumns, isCopyable } from "../../../../shared/dataset/decoder-columns.ts";

/** A memory for `ArrowArray` structs, each at the next free address, which is returned. */
class Memory {
  readonly buffer = new ArrayBuffer(4_096);
  readonly #view = new DataView(this.buffer);
  #free = 64;

  array(facts: {
    length: number;
    nulls?: number;
    offset?: number;
    buffers?: readonly (Uint8Array | null)[];
    children?: readonly number[];
  }): number {
    const { length, nulls = 0, offset = 0, buffers = [], children = [] } = facts;
    const buffersAt = this.#pointers(buffers.map((bytes) => (bytes === null ? 0 : this.#put(bytes))));
    const childrenAt = this.#pointers(children);
    const at = this.#take(64);
    [length, nulls, offset, buffers.length, children.length].forEach((value, index) => {
      this.#view.setBigInt64(at + index * 8, BigInt(value), true);
    });
    this.#view.setUint32(at + 40, buffersAt, true);
    this.#view.setUint32(at + 44, childrenAt, true);
    return at;
  }

  #pointers(values: readonly number[]): number {
    return this.#put(new Uint8Array(Uint32Array.from(values).buffer));
  }

  #put(bytes: Uint8Array): number {
    const at = this.#take(bytes.length);
    new Uint8Array(this.buffer).set(bytes, at);
    return at;
  }

  #take(bytes: number): number {
    const at = this.#free;
    this.#free += Math.ceil(bytes / 8) * 8;
    return at;
  }
}

const ints = (...values: number[]) => new Uint8Array(Int32Array.from(values).buffer);
const schemaOf = (...types: (Int32 | Utf8 | List)[]) =>
  new Schema(types.map((type, index) => new Field(`c${index}`, type, true)));

const item = (type: DataType) => new Field("item", type, true);
const nestedTypes = (type: DataType): DataType[] => [
  new List(item(type)),
  new LargeList(item(type)),
  new FixedSizeList(2, item(type)),
  new Struct([item(new Int32()), item(type)]),
];

describe("columns in a decoder's memory", () => {
  it("the requested columns are copied into one buffer in the requested order", () => {
    const memory = new Memory();
    const first = memory.array({ length: 3, buffers: [null, ints(1, 2, 3)] });
    const text = memory.array({
      length: 3,
      nulls: 1,
      buffers: [Uint8Array.of(0b101), ints(0, 2, 2, 3), Buffer.from("abc")],
    });
    const batch = memory.array({ length: 3, buffers: [null], children: [first, first, text] });
    const copied = copyColumns(
      memory.buffer,
      batch,
      chooseColumns(schemaOf(new Int32(), new Int32(), new Utf8()), [2, 0]),
    );
    new Uint8Array(memory.buffer).fill(255);
    expect(copied?.schema.names).toEqual(["c2", "c0"]);
    expect(copied?.toArray().map((row) => row?.toJSON())).toEqual([
      { c2: "ab", c0: 1 },
      { c2: null, c0: 2 },
      { c2: "c", c0: 3 },
    ]);
    const [strings, numbers] = copied?.data.children ?? [];
    expect(strings?.values.buffer).toBe(numbers?.values.buffer);
  });

  it("columns with an offset at any depth, or with an unknown count of nulls, are not copied", () => {
    const memory = new Memory();
    const inner = memory.array({ length: 4, offset: 1, buffers: [null, ints(0, 1, 2, 3, 4)] });
    const list = memory.array({ length: 2, buffers: [null, ints(0, 1, 4)], children: [inner] });
    const batch = memory.array({ length: 2, buffers: [null], children: [list] });
    const schema = schemaOf(new List(new Field("item", new Int32(), true)));
    expect(copyColumns(memory.buffer, batch, chooseColumns(schema, [0]))).toBeNull();
    const uncounted = memory.array({ length: 1, nulls: -1, buffers: [null, ints(7)] });
    const other = memory.array({ length: 1, buffers: [null], children: [uncounted] });
    expect(copyColumns(memory.buffer, other, chooseColumns(schemaOf(new Int32()), [0]))).toBeNull();
  });

  it("a column outside the memory and a missing column are errors", () => {
    const memory = new Memory();
    const column = memory.array({ length: 1_025, buffers: [null, ints(1)] });
    const batch = memory.array({ length: 1_025, buffers: [null], children: [column] });
    expect(() => copyColumns(memory.buffer, batch, chooseColumns(schemaOf(new Int32()), [0]))).toThrow(
      RangeError,
    );
    expect(() =>
      copyColumns(memory.buffer, batch, chooseColumns(schemaOf(new Int32(), new Int32()), [1])),
    ).toThrow(/children/);
  });

  it("numbers, times, bits, texts and bytes can be copied, also in lists and structs", () => {
    const plain = [
      new Int32(),
      new Float32(),
      new Bool(),
      new DateDay(),
      new TimeSecond(),
      new TimestampSecond(),
      new FixedSizeBinary(3),
      new Utf8(),
      new LargeUtf8(),
      new Binary(),
    ];
    expect(plain.filter((type) => !isCopyable(type))).toEqual([]);
    expect(plain.flatMap(nestedTypes).filter((type) => !isCopyable(type))).toEqual([]);
  });

  it("dictionaries, unions, views, maps and a few more cannot be copied, alone or nested", () => {
    const fields = [item(new Int32())];
    const entries = new Struct<never>([item(new Utf8()), item(new Int32())] as never);
    const others = [
      new Dictionary(new Utf8(), new Int32()),
      new DenseUnion([0], fields),
      new SparseUnion([0], fields),
      new Utf8View(),
      new BinaryView(),
      new Map_(new Field("entries", entries, false) as never),
      new Null(),
      new Decimal(2, 20),
      new IntervalYearMonth(),
      new DurationSecond(),
    ];
    expect(others.filter(isCopyable)).toEqual([]);
    expect(others.flatMap(nestedTypes).filter(isCopyable)).toEqual([]);
    expect(isCopyable(undefined)).toBe(false);
  });
});
