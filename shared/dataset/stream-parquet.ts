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
 * Streams the bytes of `encodeParquet`, one row group at a time. Memory holds the table and one row group in
 * its forms, instead of the whole table in each form. Very long rows end a row group early, at its limit of
 * bytes.
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
 * Streams the bytes of one file of all the tables' rows, as they arrive. The first table decides the
 * encodings, and the default length of row groups.
 *
 * @param tables at least one table
 * @throws {OUTPUT_FAILED} as {@link streamParquet} does, and the errors of reading the tables
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

/** @param like table whose values decide the encodings */
async function* encodeTables(
  tables: AsyncIterable<Table> | Iterable<Table>,
  like: Table,
  limits: PieceLimits & ParquetOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  using runtime = borrowParquetRuntime();
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  try {
    const properties = parquetProperties(runtime, like, limits);
    // Its input has the type of TypeScript's library for browsers. At run time the class is the same.
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
    // When the caller stops early, the encoder's data goes with its instance.
    if (reader !== null) runtime.break(new Error("the encoder was left before its end"));
  }
}

function* cutsOf(table: Table, pieces: readonly RowPiece[]): Generator<Table, void> {
  for (const { start, end } of pieces) yield table.slice(start, end);
}

/** Copies each table into the encoder's memory on request. */
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
          // The encoder hides why its input failed.
          runtime.break(error);
          throw error;
        }
      },
    },
    { highWaterMark: 0 },
  );
}
