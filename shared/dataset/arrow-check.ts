import { type Data, DataType, UnionMode } from "apache-arrow";
import { hasByteValues } from "./byte-types.ts";

/** Contradiction within decoded columns. The reader that catches it adds the path and the place. */
export class ColumnFault extends Error {}

/**
 * Checks that a column's buffers match its lengths, offsets and indices. Arrow for JavaScript reads past the
 * end of a short buffer as `undefined`. A corrupt file would otherwise put NaN into a tensor.
 *
 * @throws {ColumnFault}
 */
export function checkColumn(data: Data): void {
  const { type, length, nullCount, nullBitmap, children } = data;
  demand(Number.isSafeInteger(length) && nullCount >= 0 && nullCount <= length, "its count of nulls");
  if (nullCount > 0 && !DataType.isNull(type) && !DataType.isUnion(type)) {
    demand((nullBitmap?.length ?? 0) * 8 >= length, "its validity bitmap");
  }
  checkOwn(type, data);
  for (const child of children) checkColumn(child);
}

function checkOwn(type: DataType, data: Data): void {
  const { length } = data;
  const valuesLength = data.values?.length ?? 0;
  if (DataType.isUnion(type)) checkUnion(type.mode, data);
  else if (DataType.isDictionary(type)) checkIndices(data);
  else if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) checkViews(data);
  else if (DataType.isList(type) || DataType.isLargeList(type) || DataType.isMap(type)) {
    checkOffsets(data, childLength(data));
  } else if (hasByteValues(type)) checkOffsets(data, valuesLength);
  else if (DataType.isBool(type)) demand(valuesLength * 8 >= length, "its values");
  else if (DataType.isFixedSizeList(type)) {
    demand(type.listSize >= 0 && childLength(data) >= length * type.listSize, "its items");
  } else if (DataType.isStruct(type)) {
    const isCovered = data.children.every((child) => child.length >= length);
    demand(isCovered, "its fields");
  } else if (!DataType.isNull(type)) {
    const isWide = data.stride > 0 || DataType.isFixedSizeBinary(type);
    demand(isWide && valuesLength >= length * data.stride, "its values");
  }
}

function childLength(data: Data): number {
  return data.children[0]?.length ?? 0;
}

/** Checks that offsets never decrease and lie inside the values. An empty column may have no offsets. */
function checkOffsets({ length, valueOffsets }: Data, valuesLength: number): void {
  if (length === 0) return;
  const offsets: Int32Array | BigInt64Array = valueOffsets ?? new Int32Array();
  demand(offsets.length > length, "its offsets");
  let last = Number(offsets[0]);
  demand(last >= 0, "its offsets");
  for (let index = 1; index <= length; index += 1) {
    const offset = Number(offsets[index]);
    if (offset < last) throw new ColumnFault("its offsets");
    last = offset;
  }
  demand(last <= valuesLength, "its offsets");
}

function checkIndices(data: Data): void {
  const { length, values, dictionary } = data;
  demand(dictionary !== undefined, "its dictionary");
  demand((values?.length ?? 0) >= length, "its indices");
  const entries = dictionary?.length ?? 0;
  const hasNulls = data.nullCount > 0;
  for (let index = 0; index < length; index += 1) {
    const entry = Number(values[index]);
    if ((entry < 0 || entry >= entries) && (!hasNulls || data.getValid(index))) {
      throw new ColumnFault("its indices");
    }
  }
}

function checkUnion(mode: UnionMode, { length, typeIds, valueOffsets, children, type }: Data): void {
  demand((typeIds?.length ?? 0) >= length, "its type ids");
  const isDense = mode === UnionMode.Dense;
  if (isDense) demand((valueOffsets?.length ?? 0) >= length, "its offsets");
  const childOf: Readonly<Record<number, number>> = DataType.isUnion(type) ? type.typeIdToChildIndex : {};
  for (let index = 0; index < length; index += 1) {
    const child = children[childOf[Number(typeIds?.[index])] ?? -1];
    const position = isDense ? Number(valueOffsets?.[index]) : index;
    if (child === undefined || !(position >= 0 && position < child.length)) {
      throw new ColumnFault("its type ids");
    }
  }
}

/** Checks views of 16 bytes: a length, then 12 inline bytes or a prefix, a buffer index and an offset. */
function checkViews({ length, values, variadicBuffers }: Data): void {
  demand((values?.byteLength ?? 0) >= length * 16, "its views");
  const views = new DataView(values.buffer, values.byteOffset, length * 16);
  for (let index = 0; index < length; index += 1) {
    const bytes = views.getInt32(index * 16, true);
    if (bytes >= 0 && bytes <= 12) continue;
    const buffer = variadicBuffers[views.getInt32(index * 16 + 8, true)];
    const offset = views.getInt32(index * 16 + 12, true);
    if (bytes < 0 || offset < 0 || offset + bytes > (buffer?.byteLength ?? -1)) {
      throw new ColumnFault("its views");
    }
  }
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new ColumnFault(what);
}
