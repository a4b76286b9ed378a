import { describe, expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import type { InputFile } from "../../../../shared/domain/dataset.ts";
import { type FileStat, parseLocation } from "../../../../shared/domain/location.ts";
import { MemoryStorage } from "../../../../shared/storage/memory.ts";
import { sourceOfBytes } from "../../../../shared/storage/put-source.ts";
import { END_BYTES, fitsOneRead, isSmallFile } from "../../../../shared/storage/small-file.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../../../worker/read/input-files.ts";
import type { Way } from "../../../../worker/read/ways.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { smallTable } from "../../../support/sample-table.ts";

const bytes = encodeParquet(smallTable(100));
const signal = new AbortController().signal;

/** Facts about a file by one way of access: as planned, or others. */
type Stat = () => Promise<FileStat>;
const AS_PLANNED: Stat = async () => ({ bytes: bytes.length, version: "1" });
const MISSING: Stat = async () => {
  throw new ShardmillError("STORE_NOT_FOUND", "no such file");
};

/** Returns files of one content, under any path, with their plan. Counts the reads of their data. */
async function rig(stats: readonly [Stat, ...Stat[]] = [AS_PLANNED]) {
  const sources = new Map<string, ReturnType<typeof memorySource>>();
  const sourceOf = (path: string) => {
    const source = sources.get(path) ?? memorySource(bytes, path);
    sources.set(path, source);
    return source;
  };
  const wayOf = (stat: Stat): Way => ({
    stat,
    read: (path, start, end) => sourceOf(path).read(start, end, signal),
    checksVersion: async () => false,
  });
  const [nearest, ...others] = stats;
  const far: string[] = [];
  using opened = await openDatasetFile(memorySource(bytes), "parquet", signal);
  const { rows, footerSha256 } = opened;
  const planned = (path: string): InputFile => ({
    path: parseLocation(path),
    format: "parquet",
    bytes: bytes.length,
    version: "1",
    rows,
    footerSha256,
  });
  const reads = (path: string) => sourceOf(path).reads.length;
  const files = new InputFiles({
    ways: [wayOf(nearest), ...others.map(wayOf)],
    meter: new BusyMeter(() => 0),
    onFar: (path) => far.push(path),
  });
  return { files, planned, reads, far };
}

test("a returned file is taken again without new reads", async () => {
  const { files, planned, reads } = await rig();
  const first = await files.take(planned("/a"), null, signal);
  files.release(first);
  const before = reads("/a");
  expect(await files.take(planned("/a"), null, signal)).toBe(first);
  expect(reads("/a")).toBe(before);
  await files[Symbol.asyncDispose]();
});

test("a file that is taken twice at once is opened twice, and both can be read", async () => {
  const { files, planned } = await rig();
  const both = [await files.take(planned("/a"), null, signal), await files.take(planned("/a"), null, signal)];
  expect(both[0]).not.toBe(both[1]);
  const counts = await Promise.all(
    both.map(async (file) => {
      let rows = 0;
      for await (const batch of file.read({ rowStart: 0, rowEnd: 100, columns: ["x"], signal }))
        rows += batch.numRows;
      return rows;
    }),
  );
  expect(counts).toEqual([100, 100]);
  await files[Symbol.asyncDispose]();
});

test("a returned file cannot be closed by its previous user", async () => {
  const { files, planned, reads } = await rig();
  const first = await files.take(planned("/a"), null, signal);
  files.release(first);
  files.drop(first);
  const before = reads("/a");
  expect(await files.take(planned("/a"), null, signal)).toBe(first);
  expect(reads("/a")).toBe(before);
  await files[Symbol.asyncDispose]();
});

test("at most two files stay open, and the longest unused is closed, never one in use", async () => {
  const { files, planned, reads } = await rig();
  for (const path of ["/a", "/b"]) files.release(await files.take(planned(path), null, signal));
  const taken = await files.take(planned("/b"), null, signal);
  files.release(await files.take(planned("/c"), null, signal));
  const before = reads("/a");
  files.release(await files.take(planned("/a"), null, signal));
  expect(reads("/a")).toBeGreaterThan(before);
  let rows = 0;
  for await (const batch of taken.read({ rowStart: 0, rowEnd: 100, columns: ["x"], signal }))
    rows += batch.numRows;
  expect(rows).toBe(100);
  await files[Symbol.asyncDispose]();
});

test("a dropped file is opened again", async () => {
  const { files, planned } = await rig();
  const first = await files.take(planned("/a"), null, signal);
  files.drop(first);
  expect(await files.take(planned("/a"), null, signal)).not.toBe(first);
  await files[Symbol.asyncDispose]();
});

describe("a file that the nearest way of access does not have as planned", () => {
  const OTHERS: readonly [string, Stat][] = [
    ["missing", MISSING],
    ["of another size", async () => ({ bytes: bytes.length + 1, version: "1" })],
    ["of another version", async () => ({ bytes: bytes.length, version: "2" })],
    ["not readable", () => Promise.reject(new ShardmillError("STORE_REFUSED", "EACCES"))],
  ];

  test.each(OTHERS)("is read by the next way when the nearest finds it %s", async (_what, stat) => {
    const { files, planned, far } = await rig([stat, AS_PLANNED]);
    const file = await files.take(planned("/a"), null, signal);
    expect(far).toEqual(["/a"]);
    await files.confirm(planned("/a"), files.wayOf(file), signal);
    await files[Symbol.asyncDispose]();
  });

  test.each(OTHERS)(
    "fails with INPUT_CHANGED when the nearest way finds it %s and the next finds it missing",
    async (_what, stat) => {
      const changed = { code: "INPUT_CHANGED", fields: { path: "/a", found: "nothing: it was removed" } };
      const { files, planned } = await rig([stat, MISSING]);
      await expect(files.take(planned("/a"), null, signal)).rejects.toMatchObject(changed);
    },
  );

  test("is confirmed only by the way that has read it", async () => {
    let now: Stat = AS_PLANNED;
    const { files, planned } = await rig([() => now(), AS_PLANNED]);
    const file = await files.take(planned("/a"), null, signal);
    now = async () => ({ bytes: bytes.length, version: "2" });
    const changed = { code: "INPUT_CHANGED" };
    await expect(files.confirm(planned("/a"), files.wayOf(file), signal)).rejects.toMatchObject(changed);
    files.release(file);
    const again = await files.take(planned("/a"), null, signal);
    expect(again).not.toBe(file);
    await files.confirm(planned("/a"), files.wayOf(again), signal);
    await files[Symbol.asyncDispose]();
  });
});

test.each([
  ["small", 100],
  ["large", 50_000],
])(
  "a %s file that is replaced between its stat and its read fails with INPUT_CHANGED",
  async (size, rows) => {
    await using bucket = new MemoryStorage();
    const path = parseLocation("s3://bucket/a.parquet");
    const content = encodeParquet(smallTable(rows));
    await bucket.put(path, sourceOfBytes(content), { signal });
    const stat = await bucket.stat(path, signal);
    expect(isSmallFile(stat)).toBe(size === "small");
    using opened = await openDatasetFile(memorySource(content), "parquet", signal);
    const { footerSha256 } = opened;
    const planned: InputFile = { path, format: "parquet", ...stat, rows, footerSha256 };
    await bucket.put(path, sourceOfBytes(content), { signal });
    const { version: found } = await bucket.stat(path, signal);
    // The facts are from before the change, as if the file had changed right after the stat.
    const way: Way = {
      stat: async () => stat,
      read: (...range) => bucket.read(...range),
      checksVersion: async () => false,
    };
    await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
    await expect(files.take(planned, null, signal)).rejects.toMatchObject({
      code: "INPUT_CHANGED",
      fields: { path, what: "version", expected: stat.version, found },
    });
  },
);

/** Returns a file of many row groups in a bucket. Each read returns only the requested version. */
async function inBucket() {
  const bucket = new MemoryStorage();
  const path = parseLocation("s3://bucket/a.parquet");
  const content = encodeParquet(smallTable(50_000));
  await bucket.put(path, sourceOfBytes(content), { signal });
  const requested: (readonly [start: number, end: number])[] = [];
  const way: Way = {
    stat: () => Promise.reject(new Error("stat must not be called")),
    read: (...range) => {
      requested.push([range[1], range[2]]);
      return bucket.read(...range);
    },
    checksVersion: async () => bucket.can.versions,
  };
  using opened = await openDatasetFile(memorySource(content), "parquet", signal);
  const { rows, footerSha256 } = opened;
  const planned: InputFile = {
    path,
    format: "parquet",
    ...(await bucket.stat(path, signal)),
    rows,
    footerSha256,
  };
  return { bucket, path, content, planned, requested, way };
}

test("a store that checks the version on each read needs no stat, and a file's end is read once", async () => {
  const { planned, requested, way } = await inBucket();
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  const one = await files.take(planned, null, signal);
  const other = await files.take(planned, null, signal);
  expect(requested).toEqual([[planned.bytes - END_BYTES, planned.bytes]]);
  await files.confirm(planned, files.wayOf(one), signal);
  files.release(one);
  files.release(other);
  expect(await files.take(planned, null, signal)).toBe(one);
  expect(requested).toHaveLength(1);
});

test.each([
  ["replaced", "version"],
  ["removed", "presence"],
])("a store that checks the version on each read refuses rows of a file that was %s", async (how, what) => {
  const { bucket, path, content, planned, way } = await inBucket();
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  const before = await files.take(planned, null, signal);
  await (how === "removed"
    ? bucket.remove(path, signal)
    : bucket.put(path, sourceOfBytes(content), { signal }));
  // Its end is still cached, and equals the plan.
  for (const file of [before, await files.take(planned, null, signal)]) {
    const rows = file.read({ rowStart: 0, rowEnd: 100, columns: ["id"], signal })[Symbol.asyncIterator]();
    await expect(rows.next()).rejects.toMatchObject({ code: "INPUT_CHANGED", fields: { path, what } });
    files.drop(file);
  }
});

test("the end of a file whose reader gave up is read by the next reader", async () => {
  const { planned, requested, way } = await inBucket();
  const leave = new AbortController();
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  const left = files.take(planned, null, leave.signal);
  leave.abort(new Error("given up"));
  await expect(left).rejects.toThrow("given up");
  const file = await files.take(planned, null, signal);
  expect(file.rows).toBe(planned.rows);
  expect(requested.length).toBeLessThanOrEqual(2);
});

test("an end that one way has read does not open the file by another way that fails", async () => {
  const { planned, way } = await inBucket();
  const nowhere: Way = {
    ...way,
    read: () => Promise.reject(new ShardmillError("STORE_REFUSED", "no credentials")),
  };
  await using files = new InputFiles({ ways: [nowhere, way], meter: new BusyMeter(() => 0) });
  // Two shards of one file: the second uses the end that the first has read.
  for (const file of [await files.take(planned, null, signal), await files.take(planned, null, signal)]) {
    expect(files.wayOf(file)).toBe(way);
    let rows = 0;
    for await (const batch of file.read({ rowStart: 0, rowEnd: 100, columns: ["id"], signal }))
      rows += batch.numRows;
    expect(rows).toBe(100);
  }
});

test("a file of a store that a shard reads whole takes one read, and that of one version", async () => {
  const { bucket, path, content, planned, requested, way } = await inBucket();
  expect([isSmallFile(planned), fitsOneRead(planned)]).toEqual([false, true]);
  const slice = { file: planned, rowStart: 0, rowEnd: planned.rows };
  const readAll = async (files: InputFiles) => {
    const fetched = await files.fetch(slice, signal);
    const file = await files.take(planned, fetched, signal);
    let rows = 0;
    for await (const batch of file.read({ ...slice, columns: ["id"], signal })) rows += batch.numRows;
    return rows;
  };
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  expect(await readAll(files)).toBe(planned.rows);
  expect(requested).toEqual([[0, planned.bytes]]);
  // Another shard of the file would fetch it again.
  expect(await files.fetch({ ...slice, rowEnd: 10 }, signal)).toBeNull();
  expect(requested).toHaveLength(1);
  await bucket.put(path, sourceOfBytes(content), { signal });
  await using others = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  await expect(readAll(others)).rejects.toMatchObject({ code: "INPUT_CHANGED", fields: { path } });
});
