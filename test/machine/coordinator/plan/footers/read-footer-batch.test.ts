import { tableFromArrays } from "apache-arrow";
import { expect, test } from "vitest";
import { readFooterBatch } from "../../../../../coordinator/plan/footers/read-footer-batch.ts";
import type { FoundFile } from "../../../../../coordinator/plan/input/discover.ts";
import { NEVER, orAbort } from "../../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../../shared/dataset/encode.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { MemoryStorage, type StorageCall } from "../../../../../shared/storage/memory.ts";
import { Storages } from "../../../../../shared/storage/open-storage.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import { isSmallFile } from "../../../../../shared/storage/small-file.ts";
import { needs } from "../../../../support/needs.ts";
import { smallTable } from "../../../../support/sample-table.ts";

const bucket = new MemoryStorage();
const storages = new Storages({ s3: async () => bucket });

async function put(name: string, content: Uint8Array): Promise<FoundFile> {
  const path = parseLocation(`s3://bucket/${name}.parquet`);
  await bucket.put(path, sourceOfBytes(content), { signal: NEVER });
  return { path, format: "parquet", ...(await bucket.stat(path, NEVER)) };
}

needs("gcs")(
  "small and large files of a bucket are read, and unsupported or replaced files fail on their own",
  async () => {
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
  },
);

test("the footers of many large files are fetched concurrently, with one request for each file", async () => {
  const calls: StorageCall[] = [];
  let [atOnce, most] = [0, 0];
  const before = async (call: StorageCall) => {
    calls.push(call);
    atOnce += 1;
    most = Math.max(most, atOnce);
    await new Promise((resolve) => setTimeout(resolve, 5));
    atOnce -= 1;
  };
  const slow = new MemoryStorage({ before });
  const large = encodeParquet(tableFromArrays({ x: Float64Array.from({ length: 20_000 }, Math.random) }));
  const files: FoundFile[] = [];
  for (let at = 0; at < 40; at += 1) {
    const path = parseLocation(`s3://bucket/${at}.parquet`);
    await slow.put(path, sourceOfBytes(large), { signal: NEVER });
    files.push({ path, format: "parquet", ...(await slow.stat(path, NEVER)) });
  }
  calls.length = 0;
  let rows = 0;
  for await (const read of readFooterBatch(new Storages({ s3: async () => slow }), files)) {
    if (read.kind === "read") rows += read.footer.file.rows;
  }
  expect(rows).toBe(40 * 20_000);
  expect(calls.map(({ call }) => call)).toEqual(Array.from(files, () => "read"));
  expect(most).toBeGreaterThan(8);
  expect(most).toBeLessThanOrEqual(17);
});

test("a silent store fails all files at the same time, not one after another", async () => {
  const silent = new MemoryStorage({
    before: async ({ call }) => {
      if (call === "read") await new Promise((resolve) => setTimeout(resolve, 2_000));
    },
  });
  const files: FoundFile[] = [];
  for (let at = 0; at < 64; at += 1) {
    const path = parseLocation(`s3://bucket/${at}.parquet`);
    await silent.put(path, sourceOfBytes(encodeParquet(smallTable(3))), { signal: NEVER });
    files.push({ path, format: "parquet", ...(await silent.stat(path, NEVER)) });
  }
  class Abortable extends MemoryStorage {
    override read(...call: Parameters<MemoryStorage["read"]>): ReturnType<MemoryStorage["read"]> {
      const [, , , { signal }] = call;
      return orAbort(silent.read(...call), signal);
    }
    override stat(...call: Parameters<MemoryStorage["stat"]>): ReturnType<MemoryStorage["stat"]> {
      return silent.stat(...call);
    }
  }
  const startedMs = performance.now();
  const codes = new Set<unknown>();
  const stores = new Storages({ s3: async () => new Abortable() });
  for await (const read of readFooterBatch(stores, files, { named: null, forms: {} }, 100)) {
    codes.add(read.kind === "failed" ? (read.error as { code: unknown }).code : "read");
  }
  expect([...codes]).toEqual(["STORE_FAILED"]);
  expect(performance.now() - startedMs, "failing one after another would take 6.4 s").toBeLessThan(5_000);
});
