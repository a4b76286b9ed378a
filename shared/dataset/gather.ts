import { Data, DataType, UnionMode } from "apache-arrow";
import { assert, present } from "../core/assert.ts";
import { bitmapBytes, copyBits } from "./bits.ts";
import { hasByteValues } from "./byte-types.ts";
import { type Offsets, offsetsOf } from "./offsets.ts";
import { plainType } from "./plain-type.ts";

/** Rows `[start, end)` of a column's data. Without data: as many nulls. */
export interface Stretch {
  readonly data: Data | null;
  readonly start: number;
  readonly end: number;
}

/**
 * Gathers the rows of `stretches`, in order, into one column with memory of its own. The sources can then be
 * freed. Accepts any Arrow type. Dictionaries and views become plain values, so that pieces fit together and
 * into any file format.
 */
export function gather(type: DataType, stretches: readonly Stretch[]): Data {
  if (DataType.isDictionary(type)) return gather(type.dictionary, stretches.flatMap(dictionaryStretches));
  const rows = stretches.reduce((total, { start, end }) => total + end - start, 0);
  const plain = plainType(type);
  if (DataType.isNull(type)) return new Data(plain, 0, rows, rows);
  if (DataType.isUnion(type)) return gatherUnion(type, stretches, rows);
  const validity = gatherValidity(stretches, rows);
  const make = (offsets: unknown, values: unknown, children: Data[] = []): Data =>
    new Data(plain, 0, rows, validity === null ? 0 : -1, bufferList(offsets, values, validity), children);
  if (DataType.isBool(type)) return make(undefined, gatherBits(stretches, rows));
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) {
    const { offsets, bytes } = gatherViews(stretches, rows);
    return make(widened(plain, offsets), bytes);
  }
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type;
    const inner = stretches.map(({ data, start, end }) => ({
      data: childOf(data, 0),
      start: start * listSize,
      end: end * listSize,
    }));
    return make(undefined, undefined, [gather(childType(type, 0), inner)]);
  }
  if (DataType.isStruct(type)) {
    const children = type.children.map((field, index) =>
      gather(
        field.type,
        stretches.map((stretch) => ({ ...stretch, data: childOf(stretch.data, index) })),
      ),
    );
    return make(undefined, undefined, children);
  }
  if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    const { offsets, inner } = gatherOffsets(stretches, rows, (data) => childOf(data, 0));
    return make(widened(type, offsets), undefined, [gather(childType(type, 0), inner)]);
  }
  if (hasByteValues(type)) {
    const { offsets, inner } = gatherOffsets(stretches, rows, (data) => data);
    return make(widened(type, offsets), gatherValues(inner, Uint8Array, 1));
  }
  const { ArrayType, stride } = new Data(type, 0, 0);
  return make(undefined, gatherValues(stretches, ArrayType, stride));
}

interface ValuesType {
  new (length: number): { set(values: ArrayLike<never>, at: number): void };
}

/** Gathers fixed-width values, `stride` elements each. */
function gatherValues(stretches: readonly Stretch[], valuesType: unknown, stride: number) {
  assert(typeof valuesType === "function", "a fixed-width type has an array type");
  const rows = stretches.reduce((total, { start, end }) => total + end - start, 0);
  // Every ArrayType is a typed array's constructor, which Arrow's types do not declare.
  const values = new (valuesType as ValuesType)(rows * stride);
  let at = 0;
  for (const { data, start, end } of stretches) {
    if (data !== null && end > start) values.set(data.values.subarray(start * stride, end * stride), at);
    at += (end - start) * stride;
  }
  return values;
}

function gatherBits(stretches: readonly Stretch[], rows: number): Uint8Array {
  const bits = new Uint8Array(bitmapBytes(rows));
  let at = 0;
  for (const { data, start, end } of stretches) {
    if (data !== null) copyBits({ bytes: data.values, offset: data.offset }, start, end, bits, at);
    at += end - start;
  }
  return bits;
}

function gatherValidity(stretches: readonly Stretch[], rows: number): Uint8Array | null {
  if (stretches.every(({ data }) => data !== null && data.nullCount === 0)) return null;
  const validity = new Uint8Array(bitmapBytes(rows));
  const all = { bytes: new Uint8Array(0), offset: 0 };
  let at = 0;
  for (const { data, start, end } of stretches) {
    if (data !== null && data.nullCount > 0) {
      copyBits({ bytes: data.nullBitmap ?? all.bytes, offset: data.offset }, start, end, validity, at);
    } else if (data !== null) {
      for (let bit = at; bit < at + end - start; bit += 1)
        validity[bit >> 3] = (validity[bit >> 3] ?? 0) | (1 << (bit & 7));
    }
    at += end - start;
  }
  return validity;
}

/** Returns new offsets from 0, and the stretches that they point into. */
function gatherOffsets(stretches: readonly Stretch[], rows: number, innerOf: (data: Data) => Data | null) {
  const offsets = new Float64Array(rows + 1);
  const inner: Stretch[] = [];
  let at = 0;
  let total = 0;
  for (const { data, start, end } of stretches) {
    const source: Offsets | null = data === null || end === start ? null : offsetsOf(data);
    const first = source?.[start] ?? 0;
    for (let row = start; row < end; row += 1) {
      at += 1;
      offsets[at] = total + (source?.[row + 1] ?? first) - first;
    }
    if (data === null || source === null) continue;
    const last = source[end] ?? first;
    inner.push({ data: innerOf(data), start: first, end: last });
    total += last - first;
  }
  return { offsets, inner };
}

function widened(type: DataType, offsets: Float64Array): Int32Array | BigInt64Array {
  const large = DataType.isLargeList(type) || DataType.isLargeUtf8(type) || DataType.isLargeBinary(type);
  if (large) return BigInt64Array.from(offsets, BigInt);
  assert((offsets.at(-1) ?? 0) < 2 ** 31, "a gathered column is cut before its offsets end");
  return Int32Array.from(offsets);
}

/** Gathers views: 16 bytes a value, inline up to 12 bytes, else with a buffer index and offset. */
function gatherViews(stretches: readonly Stretch[], rows: number) {
  const offsets = new Float64Array(rows + 1);
  const parts: Uint8Array[] = [];
  let at = 0;
  let total = 0;
  for (const { data, start, end } of stretches) {
    for (let row = start; row < end; row += 1) {
      const bytes = data === null || !data.getValid(row) ? null : viewBytes(data, row);
      if (bytes !== null) parts.push(bytes);
      total += bytes?.length ?? 0;
      at += 1;
      offsets[at] = total;
    }
  }
  return { offsets, bytes: new Uint8Array(Buffer.concat(parts)) };
}

function viewBytes(data: Data, row: number): Uint8Array {
  const views: Uint8Array = data.values;
  const view = new DataView(views.buffer, views.byteOffset + row * 16, 16);
  const length = view.getInt32(0, true);
  if (length <= 12) return views.subarray(row * 16 + 4, row * 16 + 4 + length);
  const start = view.getInt32(12, true);
  return present(data.variadicBuffers[view.getInt32(8, true)], "a view's buffer").subarray(
    start,
    start + length,
  );
}

/** Turns each index into a stretch of one row of the dictionary. */
function dictionaryStretches({ data, start, end }: Stretch): Stretch[] {
  if (data === null) return [{ data, start, end }];
  const chunks = data.dictionary?.data ?? [];
  const stretches: Stretch[] = [];
  for (let row = start; row < end; row += 1) {
    stretches.push(
      data.getValid(row) ? locate(chunks, Number(data.values[row])) : { data: null, start: 0, end: 1 },
    );
  }
  return stretches;
}

function locate(chunks: readonly Data[], index: number): Stretch {
  let start = index;
  for (const data of chunks) {
    if (start < data.length) return { data, start, end: start + 1 };
    start -= data.length;
  }
  return { data: null, start: 0, end: 1 };
}

function gatherUnion(type: DataType, stretches: readonly Stretch[], rows: number): Data {
  assert(DataType.isUnion(type), "gatherUnion takes unions");
  const dense = type.mode === UnionMode.Dense;
  const typeIds = new Int8Array(rows).fill(type.typeIds[0] ?? 0);
  const offsets = new Int32Array(rows);
  const inner = type.children.map((): Stretch[] => []);
  const counts = new Int32Array(type.children.length);
  let at = 0;
  for (const { data, start, end } of stretches) {
    for (let row = start; row < end; row += 1) {
      const typeId: number = data?.typeIds[row] ?? type.typeIds[0] ?? 0;
      const child = type.typeIdToChildIndex[typeId] ?? 0;
      typeIds[at] = typeId;
      offsets[at] = counts[child] ?? 0;
      counts[child] = (counts[child] ?? 0) + 1;
      at += 1;
      const place = dense && data !== null ? Number(data.valueOffsets[row] ?? 0) : row;
      if (dense) inner[child]?.push({ data: childOf(data, child), start: place, end: place + 1 });
    }
    if (!dense)
      inner.forEach((list, child) => {
        list.push({ data: childOf(data, child), start, end });
      });
  }
  const children = type.children.map((field, index) => gather(field.type, inner[index] ?? []));
  return new Data(plainType(type), 0, rows, 0, unionBuffers(dense ? offsets : undefined, typeIds), children);
}

function childOf(data: Data | null, index: number): Data | null {
  return data === null ? null : present(data.children[index], "a nested column has its children");
}

function childType(type: DataType, index: number): DataType {
  return present(type.children[index], "a nested type has its children").type;
}

// Arrow types its buffers by column type, which is known only at run time here.
type AnyBuffers = ConstructorParameters<typeof Data>[4];

/** Lists the buffers of a column in Arrow's order. */
export function bufferList(offsets: unknown, values: unknown, validity: Uint8Array | null): AnyBuffers {
  return [offsets, values, validity ?? undefined, undefined] as AnyBuffers;
}

function unionBuffers(offsets: Int32Array | undefined, typeIds: Int8Array): AnyBuffers {
  const buffers: unknown = [offsets, undefined, undefined, typeIds];
  return buffers as AnyBuffers;
}
