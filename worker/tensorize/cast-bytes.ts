/** Least values for the table. Fewer are cast directly, because filling the table takes 256 casts. */
export const LEAST_BYTES = 4_096;

/**
 * Casts bytes to float32 by a table of all 256 results, four bytes at a time. For images, which consist of
 * bytes, this halves the time. `target` is as long as `bytes`, and has at least four elements.
 *
 * @param cast converts a byte's value, before rounding to float32
 */
export function castBytes(
  bytes: Uint8Array | Int8Array,
  target: Float32Array,
  cast: (value: number) => number,
): void {
  const table = tableOf(bytes instanceof Int8Array, cast);
  // Copies bits, because copying a float32 would convert it to float64 and back.
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

/** Returns the bits of the float32 for each byte, by the byte's bits. */
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
