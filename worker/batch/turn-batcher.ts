import { type Deferred, deferred, orAbort } from "../../shared/core/abort.ts";
import { unheard } from "../../shared/core/map-in-order.ts";
import type { InputChunk } from "../tensorize/input-chunk.ts";
import { type Batch, batchOf } from "./batch.ts";
import type { BatchOutcome } from "./batch-runner.ts";

/** Limit of data in memory for unfinished rows: an hour of sound, or a thousand rows of some seconds. */
const MOST_BYTES = 256 << 20;

interface TurnOptions {
  /** Returns the limit of a batch's rows. Called for each batch. */
  readonly nextRows: () => number;
  /** Returns how many batches should be in progress at once. */
  readonly atOnce: () => number;
  readonly signal: AbortSignal;
  /** Approximate limit of the record batches with unfinished rows. */
  readonly mostBytes?: number;
}

interface Turn {
  readonly chunk: InputChunk;
  /** Next part to run. */
  readonly row: number;
}

/**
 * Cuts batches for a model that gets its outputs for a row's previous part. The parts of a row run one after
 * another, those of different rows concurrently.
 *
 * ```
 * row a   a0 a1 a2 a3        batches   a0 b0 | c0 d0 | a1 b1 | c1 d1 | a2 c2 | a3 e0 | ...
 * row b   b0 b1
 * row c   c0 c1 c2
 * ```
 *
 * Each batch gets its share of the active rows, so that every lane has work. A finished row makes room for
 * another.
 */
export class TurnBatcher {
  readonly #options: TurnOptions;
  readonly #ready: Turn[] = [];
  readonly #bytes = new Map<InputChunk, number>();
  #running = 0;
  #heldBytes = 0;
  #changed: Deferred<void> = deferred();

  constructor(options: TurnOptions) {
    this.#options = options;
  }

  async *cut(chunks: AsyncIterable<InputChunk>): AsyncGenerator<Batch, void, undefined> {
    const reader = chunks[Symbol.asyncIterator]();
    let reading: Promise<void> | null = null;
    let drained = false;
    const read = async (): Promise<void> => {
      const next = await reader.next();
      if (next.done === true) drained = true;
      else this.#add(next.value);
      reading = null;
    };
    try {
      for (;;) {
        const rows = Math.max(1, Math.floor(this.#options.nextRows()));
        if (!drained && this.#mayRead(rows)) reading ??= unheard(read());
        const batch = this.#take(rows);
        if (batch !== null) {
          yield batch;
          continue;
        }
        if (drained && this.#ready.length + this.#running === 0) return;
        const changed = this.#changed.promise;
        await orAbort(reading === null ? changed : Promise.race([reading, changed]), this.#options.signal);
      }
    } finally {
      await reading?.catch(() => {});
      await reader.return?.();
    }
  }

  /** Handles the outcomes of a batch. Call it once the batch's states are kept. */
  report(outcomes: readonly BatchOutcome[]): void {
    for (const { kind, batch } of outcomes) {
      this.#running -= batch.rows;
      if (kind === "failed") continue;
      for (const { chunk, start, end } of batch.pieces) {
        for (let row = start; row < end; row += 1)
          if (chunk.hasPartBehind(row)) this.#ready.push({ chunk, row: row + 1 });
      }
    }
    this.#report();
  }

  /** Releases a chunk that is no longer in use. */
  close(chunk: InputChunk): void {
    this.#heldBytes -= this.#bytes.get(chunk) ?? 0;
    if (this.#bytes.delete(chunk)) this.#report();
  }

  #report(): void {
    this.#changed.resolve();
    this.#changed = deferred();
  }

  #add(chunk: InputChunk): void {
    if (chunk.rowsPending > 0) {
      const { byteLength } = chunk.batch.data;
      this.#bytes.set(chunk, byteLength);
      this.#heldBytes += byteLength;
    }
    for (const { start, end } of chunk.liveRuns) {
      for (let row = start; row < end; row += 1)
        if (row === start || !chunk.hasPartBehind(row - 1)) this.#ready.push({ chunk, row });
    }
  }

  #mayRead(rows: number): boolean {
    const { atOnce, mostBytes = MOST_BYTES } = this.#options;
    return this.#heldBytes < mostBytes && this.#ready.length + this.#running < rows * atOnce();
  }

  /**
   * Takes a batch of ready rows. Null: too few rows are ready, and a small batch would make later ones small,
   * too.
   */
  #take(rows: number): Batch | null {
    const active = this.#ready.length + this.#running;
    const share = Math.min(rows, Math.ceil(active / Math.max(1, this.#options.atOnce())));
    if (share === 0 || this.#ready.length < share) return null;
    const turns = this.#ready.splice(0, share);
    this.#running += turns.length;
    return batchOf(turns.map(({ chunk, row }) => ({ chunk, start: row, end: row + 1 })));
  }
}
