import { type Data, DataType, type Table } from "apache-arrow";

/**
 * Bytes of a table's values, about as they lie in memory: one bit of validity for each, offsets included. The same rows
 * give the same number, in whatever pieces they came and however much larger than needed their buffers are.
 */
export function valueBytes(table: Table): number {
  let bytes = 0;
  for (const { data } of table.batches) {
    for (const child of data.children) bytes += rangeBytes(child, 0, data.length);
  }
  return Math.ceil(bytes);
}

/** Of values `[start, end)` of `data`. */
function rangeBytes(data: Data, start: number, end: number): number {
  const { type, children } = data;
  const count = end - start;
  const bits = count / 8;
  if (DataType.isNull(type)) return 0;
  if (DataType.isBool(type)) return bits + bits;
  if (DataType.isStruct(type)) return bits + sumOf(children, (child) => rangeBytes(child, start, end));
  if (DataType.isFixedSizeList(type)) {
    const { listSize } = type;
    return bits + sumOf(children, (child) => rangeBytes(child, start * listSize, end * listSize));
  }
  if (DataType.isUnion(type)) return count * 5 + sumOf(children, ({ byteLength }) => byteLength);
  const { valueOffsets } = data;
  if (valueOffsets !== undefined && valueOffsets.length > 0) {
    const [from, to] = [Number(valueOffsets[start] ?? 0), Number(valueOffsets[end] ?? 0)];
    const inner = children.length === 0 ? to - from : sumOf(children, (child) => rangeBytes(child, from, to));
    return bits + count * valueOffsets.BYTES_PER_ELEMENT + inner;
  }
  return bits + count * data.stride * data.values.BYTES_PER_ELEMENT;
}

function sumOf(children: readonly Data[], bytesOf: (child: Data) => number): number {
  return children.reduce((total, child) => total + bytesOf(child), 0);
}
