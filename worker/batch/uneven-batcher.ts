import type { InputChunk } from "../tensorize/input-chunk.ts";
import { type PositionsExtent, type RowPositions, widened } from "../tensorize/row-positions.ts";
import { type Batch, batchOf, type Piece, totalOf } from "./batch.ts";
import { WINDOW_ROWS } from "./bounds.ts";

interface WindowLimits {
  readonly rows: number;
  /** Approximate limit of the record batches that the rows lie in. */
  readonly bytes: number;
}

const WINDOW: WindowLimits = { rows: WINDOW_ROWS, bytes: 64 << 20 };

interface UnevenOptions {
  /** Returns the limit of a batch's rows when the longest is padded to `length`. Called for each batch. */
  readonly mostRows: (length: number) => number;
  /**
   * Rows of one run for a model with a fixed batch. Beyond one run, only rows of the same padded length are
   * joined. More rows would save nothing that padding does not cost. Default: dynamic.
   */
  readonly runRows?: number | null;
  readonly limits?: WindowLimits;
  /** Called when no more input is needed, and at most half a window is left to cut. */
  readonly onNearEnd?: () => void;
}

interface Row {
  readonly chunk: InputChunk;
  readonly row: number;
  /** Positions by sequence. */
  readonly positions: readonly number[];
}

/**
 * Cuts rows of different lengths into batches. Collects and sorts a window of rows, then cuts from the
 * longest row on. So the last batch has short rows. A row beyond every limit is a batch of its own.
 *
 * In the second half of a window, a record batch for the next one is read after each batch. So the lanes
 * never wait for a whole window.
 */
export async function* cutUnevenBatches(
  chunks: AsyncIterable<InputChunk>,
  { mostRows, runRows = null, limits = WINDOW, onNearEnd = () => {} }: UnevenOptions,
): AsyncGenerator<Batch, void, undefined> {
  const reader = new WindowReader(chunks, limits);
  let isNearEnd = false;
  try {
    while (true) {
      while (!reader.isFull) await reader.readChunk();
      const window = reader.take();
      let left = window.length;
      for (const batch of cutWindow(window, mostRows, runRows ?? Infinity)) {
        yield batch;
        left -= batch.rows;
        if (left * 2 > window.length) continue;
        if (!reader.isFull) await reader.readChunk();
        if (!reader.hasEnded || isNearEnd) continue;
        isNearEnd = true;
        onNearEnd();
      }
      if (window.length === 0) break;
    }
  } finally {
    await reader.close();
  }
  if (!isNearEnd) onNearEnd();
}

/** Reads windows, one record batch at a time. Excess rows of a record batch go into the next window. */
class WindowReader {
  readonly #chunks: AsyncIterator<InputChunk>;
  readonly #limits: WindowLimits;
  #rows: Row[] = [];
  #bytes = 0;
  #drained = false;

  constructor(chunks: AsyncIterable<InputChunk>, limits: WindowLimits) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#limits = limits;
  }

  /** True when nothing more can be read for the next window. */
  get isFull(): boolean {
    return this.#drained || this.#rows.length >= this.#limits.rows || this.#bytes >= this.#limits.bytes;
  }

  /** True when all rows were taken. */
  get hasEnded(): boolean {
    return this.#drained && this.#rows.length === 0;
  }

  async readChunk(): Promise<void> {
    const next = await this.#chunks.next();
    if (next.done === true) {
      this.#drained = true;
      return;
    }
    const chunk = next.value;
    this.#bytes += chunk.batch.data.byteLength;
    const positions = positionsOf(chunk);
    for (const { start, end } of chunk.liveRuns) {
      for (let row = start; row < end; row += 1)
        this.#rows.push({ chunk, row, positions: positions.of(row) });
    }
  }

  take(): Row[] {
    const window = this.#rows.slice(0, this.#limits.rows);
    this.#rows = this.#rows.slice(window.length);
    const last = this.#rows.at(-1);
    this.#bytes = last === undefined ? 0 : last.chunk.batch.data.byteLength;
    return window;
  }

  async close(): Promise<void> {
    await this.#chunks.return?.();
  }
}

function* cutWindow(
  window: Row[],
  mostRows: (length: number) => number,
  runRows: number,
): Generator<Batch, void, undefined> {
  const [any] = window;
  if (any === undefined) return;
  const positions = positionsOf(any.chunk);
  // A stable sort: rows of one length stay in input order, and are mostly adjacent.
  window.sort((a, b) => positions.compare(a.positions, b.positions));
  for (let start = 0; start < window.length; ) {
    let end = endOfBatch(window, start, { positions, mostRows, runRows });
    if (end - start > runRows) end -= (end - start) % runRows;
    yield batchOf(piecesOf(window, start, end));
    start = end;
  }
}

interface CutLimits {
  readonly positions: RowPositions;
  readonly mostRows: (length: number) => number;
  readonly runRows: number;
}

/** Returns the end of a batch that begins at row `start` of a sorted window. */
function endOfBatch(
  window: readonly Row[],
  start: number,
  { positions, mostRows, runRows }: CutLimits,
): number {
  const first = window[start]?.positions ?? [];
  let extent: PositionsExtent = { shortest: first, longest: first };
  let lengths = positions.lengthsOf(first);
  const mostOf = (own: readonly number[]) => Math.max(1, Math.floor(mostRows(totalOf(own))));
  let most = mostOf(lengths);
  let end = start + 1;
  for (let next = window[end]; next !== undefined && end - start < most; next = window[end]) {
    const wider = widened(extent, next.positions);
    if (!positions.mayShare(wider)) break;
    const own = wider === extent ? lengths : positions.lengthsOf(wider.longest);
    if (end - start >= runRows && !isSame(positions.lengthsOf(next.positions), lengths)) break;
    if (!isSame(own, lengths)) {
      most = mostOf(own);
      if (end - start >= most) break;
    }
    [extent, lengths] = [wider, own];
    end += 1;
  }
  return end;
}

function isSame(lengths: readonly number[], others: readonly number[]): boolean {
  return lengths.every((length, sequence) => length === others[sequence]);
}

/** Joins adjacent rows of a chunk to pieces. */
function piecesOf(window: readonly Row[], from: number, to: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let open: { chunk: InputChunk; start: number; end: number } | null = null;
  for (const { chunk, row } of window.slice(from, to)) {
    if (open !== null && open.chunk === chunk && open.end === row) open.end += 1;
    else {
      open = { chunk, start: row, end: row + 1 };
      pieces.push(open);
    }
  }
  return pieces;
}

function positionsOf({ positions }: InputChunk): RowPositions {
  if (positions === null) throw new Error("broken invariant: rows of one length are not sorted by length");
  return positions;
}
