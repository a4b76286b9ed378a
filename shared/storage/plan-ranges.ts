/** Bytes `[start, end)` of a file. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Largest gap that one request also reads. A request takes the CPU time of 100 to 300 KiB, and unwanted bytes
 * take transfer time.
 */
const MOST_GAP_BYTES = 128 << 10;
/** Largest request. One connection to a store gives 50 to 100 MB/s, so several get a larger range faster. */
const MOST_REQUEST_BYTES = 8 << 20;

/**
 * Plans a store's requests for ranges that are wanted at once. Ranges with small gaps share one request, and
 * large ones take several. Requests are in order without overlap. Each wanted byte is in one request.
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

/** Cuts a range into pieces of nearly equal size: a small rest would waste a request. */
function inPieces({ start, end }: ByteRange): ByteRange[] {
  const pieces = Math.ceil((end - start) / MOST_REQUEST_BYTES);
  const at = (piece: number) => start + Math.floor(((end - start) * piece) / pieces);
  return Array.from({ length: pieces }, (_, piece) => ({ start: at(piece), end: at(piece + 1) }));
}
