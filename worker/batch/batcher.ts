import type { InputChunk } from "../tensorize/input-chunk.ts";
import { type Batch, batchOf, type Piece } from "./batch.ts";

/** Passes each chunk on as a batch of its live rows. */
export async function* wholeChunks(
  chunks: AsyncIterable<InputChunk>,
): AsyncGenerator<Batch, void, undefined> {
  for await (const chunk of chunks) {
    if (chunk.liveRuns.length > 0) yield batchOf(chunk.liveRuns.map((run) => ({ chunk, ...run })));
  }
}

/**
 * Cuts chunks into batches of `nextRows()` rows, called for each batch. Batches extend across chunks, so only
 * the last one is short. Holds only the chunks of the current batch.
 */
export async function* cutBatches(
  chunks: AsyncIterable<InputChunk>,
  nextRows: () => number,
): AsyncGenerator<Batch, void, undefined> {
  let pieces: Piece[] = [];
  let rows = 0;
  let wanted = Math.max(1, nextRows());
  for await (const chunk of chunks) {
    for (const run of chunk.liveRuns) {
      let { start } = run;
      while (start < run.end) {
        const end = Math.min(run.end, start + wanted - rows);
        pieces.push({ chunk, start, end });
        rows += end - start;
        start = end;
        if (rows < wanted) continue;
        yield batchOf(pieces);
        pieces = [];
        rows = 0;
        wanted = Math.max(1, nextRows());
      }
    }
  }
  if (rows > 0) yield batchOf(pieces);
}
