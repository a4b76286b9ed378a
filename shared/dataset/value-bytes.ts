import { type Data, DataType, type Table, UnionMode } from "apache-arrow";

/** Sizes of a view: 16 bytes, which hold values of up to 12 bytes inline. */
const VIEW = { bytes: 16, inline: 12 };

/**
 * Estimates the bytes of a table's values in memory, with one validity bit each and with offsets. The same
 * rows give the same number, whatever their batches and spare buffer bytes.
 */
export function valueBytes(table: Table): number {
  let bytes = 0;
  for (const { data } of table.batches) bytes += rowBytes(data, 0, data.length);
  return Math.ceil(bytes);
}

/** Estimates the bytes of rows `[start, end)` of a record batch. */
export function rowBytes({ children }: Data, start: number, end: number): number {
  return sumOf(children, (child) => rangeBytes(child, start, end));
}

/**
 * Estimates the bytes of values `[start, end)` of a column, at any depth. Dictionaries and views count as
 * their plain values: a few bytes of indices can mean gigabytes.
 */
export function rangeBytes(data: Data, start: number, end: number): number {
  const { type, children } = data;
  const count = end - start;
  const bits = count / 8;
  // A list's offsets count its items, whether or not they have bytes, so null items count, too.
  if (DataType.isNull(type)) return bits;
  if (DataType.isBool(type)) return bits + bits;
  if (DataType.isDictionary(type)) return bits + entryBytes(data, start, end);
  if (DataType.isStruct(type)) return bits + sumOf(children, (child) => rangeBytes(child, start, end));
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type;
    return bits + sumOf(children, (child) => rangeBytes(child, start * listSize, end * listSize));
  }
  if (DataType.isUnion(type)) return count * 5 + memberBytes(data, start, end);
  if (DataType.isUtf8View(type) || DataType.isBinaryView(type)) return bits + viewedBytes(data, start, end);
  const { valueOffsets } = data;
  if (valueOffsets !== undefined && valueOffsets.length > 0) {
    const [from, to] = [Number(valueOffsets[start] ?? 0), Number(valueOffsets[end] ?? 0)];
    const inner = children.length === 0 ? to - from : sumOf(children, (child) => rangeBytes(child, from, to));
    return bits + count * valueOffsets.BYTES_PER_ELEMENT + inner;
  }
  return bits + count * data.stride * data.values.BYTES_PER_ELEMENT;
}

function entryBytes(data: Data, start: number, end: number): number {
  const chunks = data.dictionary?.data ?? [];
  let bytes = 0;
  for (let row = start; row < end; row += 1) {
    if (data.nullCount > 0 && !data.getValid(row)) continue;
    let entry = Number(data.values[row]);
    for (const chunk of chunks) {
      if (entry < chunk.length) {
        bytes += rangeBytes(chunk, entry, entry + 1);
        break;
      }
      entry -= chunk.length;
    }
  }
  return bytes;
}

function memberBytes({ type, children, typeIds, valueOffsets }: Data, start: number, end: number): number {
  if (!DataType.isUnion(type) || type.mode === UnionMode.Sparse)
    return sumOf(children, (child) => rangeBytes(child, start, end));
  let bytes = 0;
  for (let row = start; row < end; row += 1) {
    const child = children[type.typeIdToChildIndex[typeIds[row] ?? 0] ?? 0];
    const place = Number(valueOffsets[row] ?? 0);
    if (child !== undefined) bytes += rangeBytes(child, place, place + 1);
  }
  return bytes;
}

function viewedBytes({ values }: Data, start: number, end: number): number {
  const views = new DataView(values.buffer, values.byteOffset);
  let bytes = 0;
  for (let row = start; row < end; row += 1) {
    const length = views.getInt32(row * VIEW.bytes, true);
    bytes += VIEW.bytes + (length > VIEW.inline ? length : 0);
  }
  return bytes;
}

function sumOf(children: readonly Data[], bytesOf: (child: Data) => number): number {
  let total = 0;
  for (const child of children) total += bytesOf(child);
  return total;
}
