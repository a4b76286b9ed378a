import { type Data, Int32, makeData, Utf8 } from "apache-arrow";
import { assert } from "../core/assert.ts";
import { packBits } from "./bits.ts";
import { textReader } from "./cell-reader.ts";

/** Decodes the texts of a column of any layout. Bytes that are not UTF-8 become U+FFFD. */
export function textsOf(column: Data): readonly (string | null)[] {
  const textAt = textReader(column);
  return Array.from({ length: column.length }, (_, row) => textAt(row));
}

export function textColumn(texts: readonly (string | null)[]): Data<Utf8> {
  const encoded = texts.map((text) => Buffer.from(text ?? ""));
  const data = new Uint8Array(Buffer.concat(encoded));
  const lengths = encoded.map(({ length }) => length);
  return makeData({
    type: new Utf8(),
    length: texts.length,
    valueOffsets: offsetsBehind(lengths),
    data,
    ...validity(texts.map((text) => text !== null)),
  });
}

/** Returns the start of each value and the end of the last. Requires fewer than 2^31 bytes in total. */
export function offsetsBehind(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  let end = 0;
  for (const [row, length] of lengths.entries()) {
    end += length;
    offsets[row + 1] = end;
  }
  assert(end < 2 ** 31, "a column of a record batch has less than 2 GiB");
  return offsets;
}

/** Builds the validity of a column's rows. */
export function validity(isThere: readonly boolean[]): { nullCount: number; nullBitmap?: Uint8Array } {
  const nullCount = isThere.filter((there) => !there).length;
  return nullCount === 0
    ? { nullCount }
    : { nullCount, nullBitmap: packBits(Uint8Array.from(isThere, Number)) };
}

export function int32Column(values: readonly number[]): Data<Int32> {
  return makeData({ type: new Int32(), data: Int32Array.from(values), nullCount: 0 });
}
