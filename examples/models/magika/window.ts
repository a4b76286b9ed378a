import { defineStep, vector } from "shardmill";

/** Bytes that Magika reads at each end of a file, and how many of them the model receives. */
const BLOCK_BYTES = 4_096;
const END_BYTES = 1_024;
/** Value for a missing byte. */
const PADDING = 256;

/** The first and the last 1,024 bytes of a file, without surrounding white space, as in Magika. */
export default defineStep({
  reads: { content: "binary" },
  columns: { window: vector("int32", 2 * END_BYTES) },
  row({ content }) {
    const window = new Int32Array(2 * END_BYTES).fill(PADDING);
    const head = content.subarray(0, BLOCK_BYTES);
    const first = head.findIndex((byte) => !isSpace(byte));
    if (first >= 0) window.set(head.subarray(first, first + END_BYTES));
    const tail = content.subarray(-BLOCK_BYTES);
    const end = tail.findLastIndex((byte) => !isSpace(byte)) + 1;
    const kept = tail.subarray(Math.max(0, end - END_BYTES), end);
    window.set(kept, window.length - kept.length);
    return { window };
  },
});

/** Returns true for white space of Python's `bytes.strip()`: space, \t, \n, \v, \f and \r. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
