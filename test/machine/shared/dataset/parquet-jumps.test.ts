import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";

/**
 * Writes rows i: n = i, big = i * 2^40, words "w0" ..., and lists [i, i + 1]. They are in one row group of
 * 5,000, as differences.
 */
async function duckdbFile(): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), "shardmill-test-"));
  const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
  const connection = await instance.connect();
  try {
    const path = join(folder, "a.parquet");
    await connection.run(
      `COPY (SELECT i::INTEGER AS n, i * 1099511627776 AS big, 'w' || i AS word, [i, i + 1] AS list FROM range(5000) t(i))
       TO '${path}' (FORMAT parquet, PARQUET_VERSION V2, ROW_GROUP_SIZE 5000)`,
    );
    return await readFile(path);
  } finally {
    connection.disconnectSync();
    instance.closeSync();
    await rm(folder, { recursive: true, force: true });
  }
}

it("rows in the middle of a row group are read even if the decoder cannot seek to them", async () => {
  const bytes = await duckdbFile();
  for (const [rowStart, rowEnd] of [
    [1, 5_000],
    [60, 120],
    [2_048, 4_096],
    [4_999, 5_000],
  ] as const) {
    using file = await openDatasetFile(memorySource(bytes, "a.parquet"), "parquet", NEVER);
    const table = await readRows(file, { rowStart, rowEnd });
    expect(table.numRows).toBe(rowEnd - rowStart);
    for (const at of [0, table.numRows >> 1, table.numRows - 1]) {
      const row = BigInt(rowStart + at);
      const found = table.get(at)?.toJSON();
      expect(found).toMatchObject({ n: Number(row), big: row * 1_099_511_627_776n, word: `w${row}` });
      expect([...(found?.list ?? [])]).toEqual([row, row + 1n]);
    }
  }
});
