import { ReadableStream, type ReadableStreamDefaultReader } from "node:stream/web";
import type { Table } from "apache-arrow";
import { combineChunks } from "./combine-chunks.ts";
import {
  cannotEncode,
  encodeParquet,
  intoEncoder,
  type ParquetOptions,
  parquetProperties,
  rowsPerGroup,
} from "./encode.ts";
import { borrowParquetRuntime, type ParquetRuntime } from "./parquet-runtime.ts";

/**
 * The bytes of `encodeParquet`, row group by row group as they are encoded: beside the table there is one row group in
 * memory, in the forms that it goes through, and not the whole table in each of them.
 *
 * @throws {OUTPUT_FAILED} for a column type that Parquet lacks
 */
export async function* streamParquet(
  table: Table,
  options: ParquetOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const groupRows = rowsPerGroup(table, options);
  if (table.numRows <= groupRows) {
    yield encodeParquet(table, { rowGroupRows: groupRows });
    return;
  }
  using runtime = borrowParquetRuntime();
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  try {
    const properties = parquetProperties(runtime, table, groupRows);
    // Its input as TypeScript's library for browsers knows it: at run time there is one class.
    const source = rowGroups(runtime, table, groupRows) as never;
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

/** The table in the encoder's memory, one row group at a time, each when it is asked for. */
function rowGroups(runtime: ParquetRuntime, table: Table, groupRows: number): ReadableStream<unknown> {
  let start = 0;
  return new ReadableStream(
    {
      pull(controller) {
        try {
          const cut = table.slice(start, start + groupRows);
          const group = combineChunks(cut);
          start += group.numRows;
          const encodable = intoEncoder(runtime, group, group !== cut);
          for (const batch of encodable.recordBatches()) controller.enqueue(batch);
          encodable.free();
          if (start >= table.numRows) controller.close();
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
