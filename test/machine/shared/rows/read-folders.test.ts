import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Int32, makeData } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { FolderPlan } from "../../../../coordinator/publish/shape/folder-plan.ts";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { orderByFolder } from "../../../../shared/rows/order-by-folder.ts";
import { groupParts, type TaskLimits } from "../../../../shared/rows/plan-parts.ts";
import { folderSchema, holdFolders, readFolder } from "../../../../shared/rows/read-folders.ts";
import type { PartRange } from "../../../../shared/rows/read-ranges.ts";
import { createLocalStorage } from "../../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import type { Storage } from "../../../../shared/storage/storage.ts";
import { tableOf } from "../../../support/sample-table.ts";

const local = createLocalStorage();
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-folder-reader-"));
});
afterAll(async () => {
  await local[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const int32 = (values: Iterable<number>) => makeData({ type: new Int32(), data: Int32Array.from(values) });

/** Rows of a file: folder `k` has the rows with `n % folders = k`. */
async function fileOf(source: number, rows: number, folders: number) {
  const n = Int32Array.from({ length: rows }, (_, row) => source * rows + row);
  const k = n.map((each) => each % folders);
  const table = tableOf({ k: int32(k), n: int32(n) });
  const ordered = orderByFolder(table, ["k"]);
  const bytes = encodeParquet(ordered.rows, { rowGroupRows: 100 });
  const location = parseLocation(join(root, `${source}-${rows}-${folders}.parquet`));
  await local.put(location, sourceOfBytes(bytes), { signal: NEVER });
  return { folders: ordered.folders, file: { location, rows, bytes: bytes.length } };
}

/** Reads all folders, each in two parts. Returns their values, and the most reads of one file's footer. */
async function readAll(
  sources: number,
  rows: number,
  folders: number,
  limits: TaskLimits = { bytes: 1_000_000, ranges: 100_000 },
) {
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
  const access = { storage, signal: NEVER };
  const source = { files: made.map(({ file }) => file), format: "parquet" as const, access };
  const schema = folderSchema(tableOf({ k: int32([]), n: int32([]) }).schema, ["k"]);
  expect(schema.names).toEqual(["n"]);
  const found: Record<string, number[]> = {};
  for (const run of groupParts(plan.folders(), limits)) {
    const ranges = run.flatMap((folder) => folder.ranges);
    const held = run.length > 1 ? await holdFolders(ranges, schema, source) : null;
    for (const folder of run) {
      const own: number[] = [];
      const [first, rest] = cutInTwo(folder.ranges);
      for (const part of [first, rest])
        for await (const batch of readFolder(part, { schema, held }, source))
          own.push(...(batch.getChild("n") ?? []));
      found[folder.name] = own;
    }
  }
  return { found, footers: Math.max(...reads.values()) };
}

/** Cuts the ranges of a folder in the middle of its first file. */
function cutInTwo([first, ...others]: readonly PartRange[]): readonly [PartRange[], PartRange[]] {
  if (first === undefined) throw new Error("a folder has rows");
  const middle = Math.ceil((first.rowStart + first.rowEnd) / 2);
  return [[{ ...first, rowEnd: middle }], [{ ...first, rowStart: middle }, ...others]];
}

test.each<[string, TaskLimits | undefined]>([
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
  expect(footers).toBe(1);
});
