import { RecordBatchFileWriter, type Table } from "apache-arrow";
import { isShardmillError } from "../core/errors.ts";
import { ARROW_BATCH, type ArrowOptions, arrowBatches, cannotEncode } from "./encode.ts";

/**
 * The bytes of `encodeArrow`, record batch by record batch as they are encoded: beside the table there is one
 * record batch in memory, and not the whole table twice more.
 *
 * @throws {OUTPUT_FAILED} as `encodeArrow` does
 */
export async function* streamArrow(
  table: Table,
  options: ArrowOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  yield* streamArrowOf([table], options);
}

/** The bytes of one file of all the tables' rows, as they come. */
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

/**
 * What the writer has put out so far: it puts it out at once, in pieces that are too small to store one by
 * one.
 */
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
      // One that is there already comes in before a turn of the event loop; one that is not yet made stays
      // asked for.
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
