import { ReadableStream, type ReadableStreamDefaultReader } from "node:stream/web";
import type { Table } from "apache-arrow";
import { assert } from "../core/assert.ts";
import { isShardmillError } from "../core/errors.ts";
import { combineChunks } from "./combine-chunks.ts";
import { cutTable, type PieceLimits, type RowPiece } from "./cut-rows.ts";
import {
  cannotEncode,
  encodeParquet,
  GROUP_MOST_BYTES,
  intoEncoder,
  type ParquetOptions,
  parquetProperties,
  rowsPerGroup,
} from "./encode.ts";
import { borrowParquetRuntime, type ParquetRuntime } from "./parquet-runtime.ts";

/**
 * The bytes of `encodeParquet`, row group by row group as they are encoded: beside the table there is one row
 * group in memory, in the forms that it goes through, and not the whole table in each of them. A row group
 * also ends early where rows are so long that it would have too many bytes.
 *
 * @throws {OUTPUT_FAILED} for a column type that Parquet lacks
 */
export async function* streamParquet(
  table: Table,
  options: ParquetOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const groupRows = rowsPerGroup(table, options);
  const limits = { rows: groupRows, bytes: options.mostBytes ?? GROUP_MOST_BYTES };
  const pieces = cutTable(table, limits);
  if (pieces.length === 1) {
    yield encodeParquet(table, { ...options, rowGroupRows: groupRows });
    return;
  }
  yield* encodeTables(cutsOf(table, pieces), table, { ...limits, ...options });
}

/**
 * The bytes of one file of all the tables' rows, as they come: its encodings, and the length of its row
 * groups where none is asked for, are those that suit the first of them.
 *
 * @param tables at least one
 * @throws {OUTPUT_FAILED} as {@link streamParquet} does; and what reading the tables throws
 */
export async function* streamParquetOf(
  tables: AsyncIterable<Table>,
  options: ParquetOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const left = tables[Symbol.asyncIterator]();
  const first = await left.next();
  assert(first.done !== true, "a file of one table at least");
  const limits = { rows: rowsPerGroup(first.value, options), bytes: options.mostBytes ?? GROUP_MOST_BYTES };
  const all = async function* () {
    yield first.value;
    yield* { [Symbol.asyncIterator]: () => left };
  };
  yield* encodeTables(all(), first.value, { ...limits, ...options });
}

/** @param like its values decide how columns are encoded */
async function* encodeTables(
  tables: AsyncIterable<Table> | Iterable<Table>,
  like: Table,
  limits: PieceLimits & ParquetOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  using runtime = borrowParquetRuntime();
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  try {
    const properties = parquetProperties(runtime, like, limits);
    // Its input as TypeScript's library for browsers knows it: at run time there is one class.
    const source = encodable(runtime, tables) as never;
    const encoded = await runtime.run(() => runtime.wasm.transformParquetStream(source, properties));
    const opened: ReadableStreamDefaultReader<Uint8Array> = encoded.getReader();
    reader = opened;
    for (let next = await runtime.run(() => opened.read()); !next.done; ) {
      yield next.value;
      next = await runtime.run(() => opened.read());
    }
    reader = null;
  } catch (error) {
    throw isShardmillError(error) ? error : cannotEncode("parquet", error);
  } finally {
    // Left early: what the encoder still holds goes with its instance.
    if (reader !== null) runtime.break(new Error("the encoder was left before its end"));
  }
}

function* cutsOf(table: Table, pieces: readonly RowPiece[]): Generator<Table, void> {
  for (const { start, end } of pieces) yield table.slice(start, end);
}

/** Tables in the encoder's memory, each when it is asked for. */
function encodable(
  runtime: ParquetRuntime,
  tables: AsyncIterable<Table> | Iterable<Table>,
): ReadableStream<unknown> {
  const left = Symbol.asyncIterator in tables ? tables[Symbol.asyncIterator]() : tables[Symbol.iterator]();
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const next = await left.next();
          if (next.done === true) return controller.close();
          const piece = combineChunks(next.value);
          const made = intoEncoder(runtime, piece, piece !== next.value);
          for (const batch of made.recordBatches()) controller.enqueue(batch);
          made.free();
        } catch (error) {
          // The encoder does not pass on why its input failed.
          runtime.break(error);
          throw error;
        }
      },
    },
    { highWaterMark: 0 },
  );
}
