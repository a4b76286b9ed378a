import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, makeData } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FolderPlan, type RunLimits } from "../../../../../coordinator/publish/shape/folder-plan.ts";
import { FolderReader } from "../../../../../coordinator/publish/shape/folder-reader.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../../shared/dataset/encode.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { orderByFolder } from "../../../../../shared/rows/order-by-folder.ts";
import { createLocalStorage } from "../../../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import type { Storage } from "../../../../../shared/storage/storage.ts";
import { tableOf } from "../../../../support/sample-table.ts";

const local = createLocalStorage();
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-folder-reader-"));
});
afterAll(async () => {
  await local[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/** Rows of a file: folder `k` has the rows with `n % folders = k`. */
async function fileOf(source: number, rows: number, folders: number) {
  const n = Int32Array.from({ length: rows }, (_, row) => source * rows + row);
  const k = n.map((each) => each % folders);
  const table = tableOf({
    k: makeData({ type: new Int32(), data: k }),
    n: makeData({ type: new Int32(), data: n }),
  });
  const ordered = orderByFolder(table, ["k"]);
  const bytes = encodeParquet(ordered.rows, { rowGroupRows: 100 });
  const location = parseLocation(join(root, `${source}-${rows}-${folders}.parquet`));
  await local.put(location, sourceOfBytes(bytes), { signal: NEVER });
  return { folders: ordered.folders, file: { location, rows, bytes: bytes.length } };
}

/** Reads all folders, each in two parts. Returns their values, and the most reads of one file's footer. */
async function readAll(sources: number, rows: number, folders: number, limits?: RunLimits) {
  const reads = new Map<string, number>();
  const storage: Storage = Object.create(local, {
    read: {
      value: (...[location, start, end, options]: Parameters<Storage["read"]>) => {
        const isFooter = end === bytesOf.get(location);
        if (isFooter) reads.set(location, (reads.get(location) ?? 0) + 1);
        return local.read(location, start, end, options);
      },
    },
  });
  const plan = new FolderPlan(["k"]);
  const made = await Promise.all(
    Array.from({ length: sources }, (_, source) => fileOf(source, rows, folders)),
  );
  const bytesOf = new Map<string, number>(made.map(({ file }) => [file.location, file.bytes]));
  for (const [source, each] of made.entries()) plan.add(source, each.folders);
  const files = made.map(({ file }) => ({ ...file, storage }));
  const form = { format: "parquet", partitionBy: ["k"] } as const;
  const reader = await FolderReader.open({ files, plan }, form, NEVER);
  expect(reader.schema.names).toEqual(["n"]);
  const found: Record<string, number[]> = {};
  for await (const { name, ranges, take } of reader.folders(limits)) {
    const own: number[] = [];
    const count = ranges.reduce((sum, { rowStart, rowEnd }) => sum + rowEnd - rowStart, 0);
    for (const part of [Math.ceil(count / 3), count - Math.ceil(count / 3)])
      for await (const batch of take(part)) own.push(...(batch.getChild("n") ?? []));
    found[name] = own;
  }
  return { found, footers: Math.max(...reads.values()) };
}

test.each<[string, RunLimits | undefined]>([
  ["all at once", undefined],
  ["in runs of a few folders", { bytes: 4_000, ranges: 1_000 }],
  ["in runs of a few ranges", { bytes: 1_000_000, ranges: 12 }],
  ["each larger than a run", { bytes: 1, ranges: 1 }],
])("folders that are read %s have their rows in plan order", async (_how, limits) => {
  const { found } = await readAll(4, 950, 7, limits);
  const expected = Array.from({ length: 7 }, (_, k) => {
    const all = Array.from({ length: 4 * 950 }, (_, n) => n);
    return [`k=${k}`, all.filter((n) => n % 7 === k)] as const;
  });
  expect(found).toEqual(Object.fromEntries(expected));
});

test("thousands of folders do not open their files again and again", async () => {
  const { found, footers } = await readAll(3, 6_000, 3_000);
  expect(Object.keys(found)).toHaveLength(3_000);
  // The first file also gives the columns.
  expect(footers).toBeLessThanOrEqual(2);
});
