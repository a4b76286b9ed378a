import { tableFromArrays } from "apache-arrow";
import { expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { ParquetDecoder } from "../../../../shared/dataset/parquet-decoder.ts";
import { readParquetTail } from "../../../../shared/dataset/parquet-footer.ts";
import { borrowParquetRuntime } from "../../../../shared/dataset/parquet-runtime.ts";
import { fetchedSource } from "../../../../shared/storage/small-file.ts";

test("a decoder that is disposed twice returns its runtime only once", async () => {
  const source = fetchedSource("a.parquet", encodeParquet(tableFromArrays({ a: Int32Array.of(1, 2, 3) })));
  const decoder = await ParquetDecoder.open(source, await readParquetTail(source, NEVER), NEVER);
  decoder[Symbol.dispose]();
  decoder[Symbol.dispose]();
  using one = borrowParquetRuntime();
  using other = borrowParquetRuntime();
  expect(one).not.toBe(other);
});
