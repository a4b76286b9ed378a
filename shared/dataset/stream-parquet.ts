import { ReadableStream, type ReadableStreamDefaultReader } from "node:stream/web";
import type { Table } from "apache-arrow";
import { combineChunks } from "./combine-chunks.ts";
import { cutTable, type RowPiece } from "./cut-rows.ts";
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
  using runtime = borrowParquetRuntime();
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  try {
    const properties = parquetProperties(runtime, table, { ...limits, ...options });
    // Its input as TypeScript's library for browsers knows it: at run time there is one class.
    const source = encodablePieces(runtime, table, pieces) as never;
    const encoded = await runtime.run(() => runtime.wasm.transformParquetStream(source, properties));
    const opened: ReadableStreamDefaultReader<Uint8Array> = encoded.getReader();
    reader = opened;
    for (let next = await runtime.run(() => opened.read()); !next.done; ) {
      yield next.value;
      next = await runtime.run(() => opened.read());
    }
    reader = null;
  } catch (error) {
    throw cannotEncode("parquet", error);
  } finally {
    // Left early: what the encoder still holds goes with its instance.
    if (reader !== null) runtime.break(new Error("the encoder was left before its end"));
  }
}

/** The table in the encoder's memory, piece by piece, each when it is asked for. */
function encodablePieces(
  runtime: ParquetRuntime,
  table: Table,
  pieces: readonly RowPiece[],
): ReadableStream<unknown> {
  const left = pieces[Symbol.iterator]();
  return new ReadableStream(
    {
      pull(controller) {
        try {
          const next = left.next();
          if (next.done === true) return controller.close();
          const cut = table.slice(next.value.start, next.value.end);
          const piece = combineChunks(cut);
          const encodable = intoEncoder(runtime, piece, piece !== cut);
          for (const batch of encodable.recordBatches()) controller.enqueue(batch);
          encodable.free();
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
