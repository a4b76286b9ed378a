import { RecordBatchFileWriter, type Table } from "apache-arrow";
import { isShardmillError } from "../core/errors.ts";
import { ARROW_BATCH, type ArrowOptions, arrowBatches, cannotEncode } from "./encode.ts";

/**
 * Streams the bytes of `encodeArrow`, one record batch at a time. Memory holds the table and one record
 * batch, instead of two more copies of the table.
 *
 * @throws {OUTPUT_FAILED} as `encodeArrow` does
 */
export async function* streamArrow(
  table: Table,
  options: ArrowOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* streamArrowOf([table], options);
}

/** Streams the bytes of one file of all the tables' rows, as they arrive. */
export async function* streamArrowOf(
  tables: AsyncIterable<Table> | Iterable<Table>,
  { rowGroupRows = ARROW_BATCH.rows }: ArrowOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    const writer = new RecordBatchFileWriter();
    const pieces = new ReadyPieces(writer[Symbol.asyncIterator]());
    for await (const table of tables) {
      for (const batch of arrowBatches(table, { ...ARROW_BATCH, rows: rowGroupRows })) {
        writer.write(batch);
        yield await pieces.take();
      }
    }
    writer.finish();
    yield await pieces.take();
  } catch (error) {
    throw isShardmillError(error) ? error : cannotEncode("arrow", error);
  }
}

/** Collects the pieces that the writer has ready, because single pieces are too small to store. */
class ReadyPieces {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #next: Promise<IteratorResult<Uint8Array>> | null = null;

  constructor(pieces: AsyncIterator<Uint8Array>) {
    this.#pieces = pieces;
  }

  async take(): Promise<Uint8Array> {
    const taken: Uint8Array[] = [];
    while (true) {
      this.#next ??= this.#pieces.next();
      // A ready piece resolves before the next turn of the event loop. A piece that is not ready stays
      // requested.
      const next = await Promise.race([this.#next, turn()]);
      if (next === null) break;
      this.#next = null;
      if (next.done === true) break;
      taken.push(next.value);
    }
    return Buffer.concat(taken);
  }
}

function turn(): Promise<null> {
  return new Promise((resolve) => setImmediate(() => resolve(null)));
}
