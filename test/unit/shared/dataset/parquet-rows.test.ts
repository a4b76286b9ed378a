import { Int64, makeData } from "apache-arrow";
import fc from "fast-check";
import { expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { countParquetRows } from "../../../../shared/dataset/parquet-rows.ts";
import type { ByteSource } from "../../../../shared/storage/storage.ts";
import { tableOf } from "../../../support/sample-table.ts";

function sourceOf(bytes: Uint8Array): ByteSource {
  return { path: "a.parquet", bytes: bytes.length, read: async (start, end) => bytes.slice(start, end) };
}

function parquetOf(rows: number, rowGroupRows = 1_000): Uint8Array {
  const n = makeData({
    type: new Int64(),
    data: BigInt64Array.from({ length: rows }, (_, row) => BigInt(row)),
  });
  return encodeParquet(tableOf({ n }), { rowGroupRows });
}

test.for([0, 1, 999, 1_000, 1_001, 12_345])("the rows of a file of %i rows are counted", async (rows) => {
  expect(await countParquetRows(sourceOf(parquetOf(rows)), NEVER)).toBe(rows);
});

test.for(["PAR1", "PAR1 and no more", `PAR1${"\0".repeat(100)}\x10\0\0\0PAR1`, ""])(
  "%j is not a Parquet file and is refused with its path",
  async (text) => {
    const corrupt = { code: "INPUT_CORRUPT", fields: { path: "a.parquet" } };
    await expect(countParquetRows(sourceOf(Buffer.from(text, "latin1")), NEVER)).rejects.toMatchObject(
      corrupt,
    );
  },
);

test("a footer whose row groups do not add up to its rows is refused", async () => {
  const bytes = Buffer.from(parquetOf(3, 1));
  // The last `num_rows: 1` of a row group: field 3 of type i64, and 1 in zigzag.
  const at = bytes.lastIndexOf(Buffer.from([0x16, 0x02]));
  expect(at).toBeGreaterThan(0);
  bytes[at + 1] = 0x04;
  await expect(countParquetRows(sourceOf(bytes), NEVER)).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
});

test("a file with any bytes changed gives a count or a typed error", async () => {
  const good = parquetOf(50, 10);
  const change = fc.record({
    at: fc.integer({ min: 0, max: good.length - 1 }),
    to: fc.integer({ min: 0, max: 255 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
      const bytes = good.slice();
      for (const { at, to } of changes) bytes[at] = to;
      const found = await countParquetRows(sourceOf(bytes), NEVER).catch((error: unknown) => error);
      expect(typeof found === "number" || isShardmillError(found)).toBe(true);
    }),
  );
});
