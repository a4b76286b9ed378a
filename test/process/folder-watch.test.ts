import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FolderWatch } from "../../coordinator/publish/shape/folder-watch.ts";
import { deferred, NEVER } from "../../shared/core/abort.ts";
import { asExecutionId } from "../../shared/domain/execution-id.ts";
import { below, parseLocation } from "../../shared/domain/location.ts";
import { type PartialManifest, partialFolder } from "../../shared/domain/partial.ts";
import { shardId } from "../../shared/domain/shard.ts";
import { folderIndexText } from "../../shared/rows/folder-index.ts";
import { createLocalStorage } from "../../shared/storage/local.ts";
import { sourceOfBytes } from "../../shared/storage/put-source.ts";
import { aPartialManifest, rowCounts } from "../support/builders.ts";
import { aDigest } from "../support/ids.ts";

const storage = createLocalStorage();
let root: string;
const stop = new AbortController();
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-folder-watch-"));
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** Stores a partial whose rows have the values `[first, first + rows)`. */
async function stored(shard: number, first: number, rows: number): Promise<PartialManifest> {
  const folders = Array.from({ length: rows }, (_, row) => ({ name: `k=${first + row}`, rows: 1, bytes: 4 }));
  const bytes = Buffer.from(folderIndexText(folders.sort((a, b) => (a.name < b.name ? -1 : 1))));
  const partial = aPartialManifest({
    ...rowCounts(rows),
    ...{
      shard: shardId(shard),
      token: { generation: 1, sequence: shard + 1 },
      executionId: asExecutionId("one"),
    },
    files: [{ kind: "folders", name: "folders.json", rows, bytes: bytes.length, sha256: aDigest("") }],
  });
  const folder = below(parseLocation(root), partialFolder(partial));
  await storage.put(below(folder, "folders.json"), sourceOfBytes(bytes), { signal: NEVER });
  return partial;
}

function watchWith(earlier: readonly PartialManifest[], read = storage.read): FolderWatch {
  return new FolderWatch({
    ...{ partitionBy: ["k"], partials: parseLocation(root), earlier: () => earlier, signal: stop.signal },
    storage: { stat: (...of) => storage.stat(...of), read: (...of) => read.call(storage, ...of) },
  });
}

test("only the partial that exceeds the limit of folders is refused", async () => {
  const watch = watchWith([]);
  await watch.see(await stored(0, 0, 6_000));
  await watch.see(await stored(1, 2_000, 8_000));
  await expect(watch.see(await stored(2, 0, 10_001))).rejects.toMatchObject({
    code: "OUTPUT_FAILED",
    message: "`k` would make more than 10,000 folders",
  });
});

test("folders that a previous coordinator committed count towards the limit", async () => {
  const watch = watchWith([await stored(3, 0, 6_000)]);
  const next = await stored(4, 100_000, 4_001);
  const refusal = { code: "OUTPUT_FAILED", message: expect.stringContaining("10,000 folders") };
  const seeUntilRefused = async () => {
    for (;;) await watch.see(next);
  };
  await expect(seeUntilRefused()).rejects.toMatchObject(refusal);
});

test("a new partial does not wait until those of a previous coordinator are counted", async () => {
  const [earlier, next] = [await stored(7, 0, 10), await stored(8, 0, 10)];
  const gate = deferred<void>();
  let waiting = 0;
  const watch = watchWith([earlier], async (location, ...range) => {
    if (location.includes(partialFolder(earlier))) {
      waiting += 1;
      await gate.promise;
    }
    return await storage.read(location, ...range);
  });
  await watch.see(next);
  expect(waiting).toBe(1);
  gate.resolve();
});

test("a partial that cannot be read is skipped", async () => {
  const watch = watchWith([]);
  const gone = await stored(5, 0, 10);
  await rm(join(root, partialFolder(gone)), { recursive: true });
  await watch.see(gone);
  await watch.see(await stored(6, 0, 10));
});
