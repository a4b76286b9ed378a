import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, makeData } from "apache-arrow";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { FolderCounter } from "../../coordinator/publish/shape/folder-counter.ts";
import { FolderWatch } from "../../coordinator/publish/shape/folder-watch.ts";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { NO_STORES } from "../../shared/domain/job-stores.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { aPartialManifest, rowCounts } from "../support/builders.ts";
import { aDigest } from "../support/ids.ts";
import { tableOf } from "../support/sample-table.ts";

let root: string;
const stop = new AbortController();
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-folder-watch-"));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Stores a partial whose rows have the values `[first, first + rows)`. */
async function stored(shard: number, first: number, rows: number): Promise<PartialManifest> {
  await using storage = createLocalStorage();
  const data = Int32Array.from({ length: rows }, (_, row) => first + row);
  const bytes = encodeParquet(tableOf({ k: makeData({ type: new Int32(), data }) }));
  const partial = aPartialManifest({
    ...rowCounts(rows),
    ...{
      shard: shardId(shard),
      token: { generation: 1, sequence: shard + 1 },
      executionId: asExecutionId("one"),
    },
    files: [{ kind: "rows", name: "rows.parquet", rows, bytes: bytes.length, sha256: aDigest("") }],
  });
  const folder = below(parseLocation(root), partialFolder(partial));
  await storage.put(below(folder, "rows.parquet"), sourceOfBytes(bytes), { signal: NEVER });
  return partial;
}

function watchWith(earlier: readonly PartialManifest[]): FolderWatch {
  const partials = parseLocation(root);
  const counted = { partitionBy: ["k"], format: "parquet", stores: NO_STORES } as const;
  return new FolderWatch({ ...counted, partials, earlier: () => earlier, signal: stop.signal });
}

test("only the partial that exceeds the limit of folders is refused", async () => {
  await using watch = watchWith([]);
  await watch.see(await stored(0, 0, 6_000));
  await watch.see(await stored(1, 2_000, 8_000));
  await expect(watch.see(await stored(2, 0, 10_001))).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    message: "`k` would make more than 10,000 folders",
  });
});

test("folders that a previous coordinator committed count towards the limit", async () => {
  await using watch = watchWith([await stored(3, 0, 6_000)]);
  const next = await stored(4, 100_000, 4_001);
  const refusal = { code: "OUTPUT_FAILED", message: expect.stringContaining("10,000 folders") };
  const seeUntilRefused = async () => {
    for (;;) await watch.see(next);
  };
  await expect(seeUntilRefused()).rejects.toMatchObject(refusal);
});

test("a new partial does not wait until those of a previous coordinator are counted", async () => {
  const [earlier, next] = [await stored(7, 0, 10), await stored(8, 0, 10)];
  const counted = deferred<void>();
  const add = vi.spyOn(FolderCounter.prototype, "add");
  add.mockImplementation(async ({ location }) => {
    if (location.includes(partialFolder(earlier))) await counted.promise;
  });
  try {
    await using watch = watchWith([earlier]);
    await watch.see(next);
    expect(add).toHaveBeenCalledTimes(2);
  } finally {
    counted.resolve();
    add.mockRestore();
  }
});

test("a partial that cannot be read is skipped", async () => {
  await using watch = watchWith([]);
  const gone = await stored(5, 0, 10);
  await rm(join(root, partialFolder(gone)), { recursive: true });
  await watch.see(gone);
  await watch.see(await stored(6, 0, 10));
});
