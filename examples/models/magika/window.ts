import { defineStep, vector } from "shardmill";

/** What Magika reads of a file at either end, and how much of it the model is given. */
const BLOCK_BYTES = 4_096;
const END_BYTES = 1_024;
/** Stands where a file has no byte. */
const PADDING = 256;

/** The first and the last 1,024 bytes of a file without the white space around them, as Magika has it. */
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

/** As `bytes.strip()` of Python has it: space, \t, \n, \v, \f and \r. */
function isSpace(byte: number): boolean {
  return byte === 32 || (byte >= 9 && byte <= 13);
}
