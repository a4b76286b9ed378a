import { tableFromArrays } from "apache-arrow";
import { expect, test } from "vitest";
import { readFooterBatch } from "../../../../../coordinator/plan/footers/read-footer-batch.ts";
import type { FoundFile } from "../../../../../coordinator/plan/input/discover.ts";
import { encodeParquet } from "../../../../../shared/dataset/encode.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../../shared/storage/memory.ts";
import { Storages } from "../../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import { isSmallFile } from "../../../../../shared/storage/small-file.ts";
import { smallTable } from "../../../../support/sample-table.ts";

const bucket = new MemoryStorage();
const storages = new Storages({ s3: async () => bucket });

async function put(name: string, content: Uint8Array): Promise<FoundFile> {
  const path = parseLocation(`s3://bucket/${name}.parquet`);
  await bucket.put(path, sourceOfBytes(content));
  return { path, format: "parquet", ...(await bucket.stat(path)) };
}

test("files are read where they are: small and large ones of a bucket, beside one that nothing reaches", async () => {
  const large = encodeParquet(tableFromArrays({ x: Float64Array.from({ length: 20_000 }, Math.random) }));
  expect(isSmallFile({ bytes: large.length })).toBe(false);
  const files = [
    await put("small", encodeParquet(smallTable(3))),
    { path: parseLocation("gs://bucket/c.parquet"), format: "parquet", bytes: 9, version: "1" } as const,
    await put("large", large),
    await put("replaced", encodeParquet(smallTable(5))),
  ];
  await put("replaced", encodeParquet(smallTable(6)));
  const found: unknown[] = [];
  for await (const read of readFooterBatch(storages, files)) {
    found.push(read.kind === "read" ? read.footer.file.rows : (read.error as { code: unknown }).code);
  }
  expect(found).toEqual([3, "STORE_REFUSED", 20_000, "INPUT_CHANGED"]);
});
