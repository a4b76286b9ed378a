/** Bytes `[start, end)` of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * What a request costs a reader in computing is what 100 to 300 KiB cost; and bytes that nobody wants cost
 * their time on the way. So only small gaps are read along.
 */
const MOST_GAP_BYTES = 128 << 10;
/** One line of a store gives some 50 to 100 MB/s: a larger range comes sooner by several. */
const MOST_REQUEST_BYTES = 8 << 20;

/**
 * What is asked of a store for ranges that are wanted at once: those that lie side by side, but for a small
 * gap, by one request, and large ones by several. The requests are in order and do not overlap, and each
 * wanted byte is in one.
 */
export function planRanges(wanted: readonly ByteRange[]): readonly ByteRange[] {
  const sorted = wanted.filter(({ start, end }) => start < end).sort((a, b) => a.start - b.start);
  const stretches: { start: number; end: number }[] = [];
  for (const { start, end } of sorted) {
    const last = stretches.at(-1);
    if (last !== undefined && start - last.end < MOST_GAP_BYTES) last.end = Math.max(last.end, end);
    else stretches.push({ start, end });
  }
  return stretches.flatMap(inPieces);
}

/** As equal as whole bytes allow: a small rest would be a request for little. */
function inPieces({ start, end }: ByteRange): ByteRange[] {
  const pieces = Math.ceil((end - start) / MOST_REQUEST_BYTES);
  const at = (piece: number) => start + Math.floor(((end - start) * piece) / pieces);
  return Array.from({ length: pieces }, (_, piece) => ({ start: at(piece), end: at(piece + 1) }));
}
