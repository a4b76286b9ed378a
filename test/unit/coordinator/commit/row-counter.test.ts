import { Int64, makeData, tableFromArrays, tableToIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { countRows } from "../../../../coordinator/commit/row-counter.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { tableOf } from "../../../support/sample-table.ts";

function sourceOf(path: string, bytes: Uint8Array) {
  return { path, bytes: bytes.length, read: async (start: number, end: number) => bytes.slice(start, end) };
}

test("a file's name decides in which format its rows are counted", async () => {
  const parquet = encodeParquet(tableOf({ n: makeData({ type: new Int64(), data: new BigInt64Array(7) }) }));
  const arrow = tableToIPC(tableFromArrays({ k: Int32Array.of(1, 2, 3) }), "file");
  expect(await countRows(sourceOf("rows.parquet", parquet))).toBe(7);
  expect(await countRows(sourceOf("rows.arrow", arrow))).toBe(3);
  const folders = [
    { name: "k=1", rows: 4, bytes: 9 },
    { name: "k=2", rows: 5, bytes: 9 },
  ];
  expect(await countRows(sourceOf("folders.json", Buffer.from(JSON.stringify(folders))))).toBe(9);
  await expect(countRows(sourceOf("folders.json", parquet))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
  await expect(countRows(sourceOf("rows.arrow", parquet))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
  await expect(countRows(sourceOf("rows.parquet", arrow))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
});
