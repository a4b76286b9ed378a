/** Fewer values are as soon cast one by one: the table has 256 to fill. */
export const LEAST_BYTES = 4_096;

/**
 * Casts bytes to float32 through a table of what each of the 256 becomes, four bytes at a time: images are
 * nothing but bytes, and this takes half the time of computing every value. `target` is as long as `bytes`,
 * four elements at least.
 *
 * @param cast what a byte's value becomes, before it is rounded to float32
 */
export function castBytes(
  bytes: Uint8Array | Int8Array,
  target: Float32Array,
  cast: (value: number) => number,
): void {
  const table = tableOf(bytes instanceof Int8Array, cast);
  // Elements are moved as bits: a float32 would be widened to float64 and narrowed again on its way.
  const elements = new Int32Array(target.buffer, target.byteOffset, target.length);
  const beforeWords = -bytes.byteOffset & 3;
  const words = new Uint32Array(
    bytes.buffer,
    bytes.byteOffset + beforeWords,
    (bytes.length - beforeWords) >>> 2,
  );
  moveEach(bytes, elements, table, { from: 0, to: beforeWords });
  let at = beforeWords;
  for (let index = 0; index < words.length; index += 1) {
    const word = words[index] ?? 0;
    elements[at] = table[word & 255] ?? 0;
    elements[at + 1] = table[(word >>> 8) & 255] ?? 0;
    elements[at + 2] = table[(word >>> 16) & 255] ?? 0;
    elements[at + 3] = table[word >>> 24] ?? 0;
    at += 4;
  }
  moveEach(bytes, elements, table, { from: at, to: bytes.length });
}

/** The bits of the float32 that each byte becomes, by the byte's own bits. */
function tableOf(signed: boolean, cast: (value: number) => number): Int32Array {
  const table = new Float32Array(256);
  for (let bits = 0; bits < table.length; bits += 1) table[bits] = cast(signed ? (bits << 24) >> 24 : bits);
  return new Int32Array(table.buffer);
}

function moveEach(
  bytes: Uint8Array | Int8Array,
  elements: Int32Array,
  table: Int32Array,
  { from, to }: { readonly from: number; readonly to: number },
): void {
  for (let index = from; index < to; index += 1) elements[index] = table[(bytes[index] ?? 0) & 255] ?? 0;
}
