import { tableFromArrays } from "apache-arrow";
import { expect, test } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { gatheredSource } from "../../../../shared/storage/gathered-source.ts";
import type { ByteSource } from "../../../../shared/storage/storage.ts";
import { memorySource } from "../../../support/memory-source.ts";

const MIB = 1 << 20;
const bytes = Uint8Array.from({ length: 20 * MIB }, (_, index) => (index * 7919) >> 8);

test("ranges that are read concurrently are correct, and need only the planned requests", async () => {
  const source = memorySource(bytes);
  const gathered = gatheredSource(source);
  const wanted = [
    [0, 1_000],
    [50_000, 60_000],
    [500, 70_000],
    [2 * MIB, 19 * MIB],
    [5 * MIB, 5 * MIB + 10],
    [19.5 * MIB, 19.5 * MIB + 1],
  ] as const;
  const got = await Promise.all(wanted.map(([start, end]) => gathered.read(start, end, NEVER)));
  for (const [index, [start, end]] of wanted.entries())
    expect(Buffer.compare(got[index] ?? Buffer.of(), bytes.subarray(start, end))).toBe(0);
  expect(source.reads.map(([start]) => start)).toEqual([
    0,
    2 * MIB,
    ...source.reads.slice(2, 4).map(([at]) => at),
    19.5 * MIB,
  ]);
  expect(source.reads).toHaveLength(5);
  // A later read is separate.
  expect(await gathered.read(10, 20, NEVER)).toEqual(bytes.slice(10, 20));
  expect(source.reads.at(-1)).toEqual([10, 20]);
});

test("two readers of the same range get separate bytes", async () => {
  const gathered = gatheredSource(memorySource(bytes));
  const [one, other] = await Promise.all([gathered.read(0, 100, NEVER), gathered.read(0, 100, NEVER)]);
  one?.fill(0);
  expect(other).toEqual(bytes.slice(0, 100));
});

test("a failed request rejects all of its readers, and an abort rejects only its own reader", async () => {
  const source = memorySource(bytes);
  const gathered = gatheredSource(source);
  const abort = new AbortController();
  const reason = new Error("the reader stopped");
  const stopped = gathered.read(0, 10, abort.signal);
  const going = gathered.read(5, 20, NEVER);
  abort.abort(reason);
  await expect(stopped).rejects.toBe(reason);
  expect(await going).toEqual(bytes.slice(5, 20));
  source.failure = new Error("the store is unavailable");
  const both = await Promise.allSettled([gathered.read(0, 10, NEVER), gathered.read(0, 20, NEVER)]);
  expect(both).toEqual([
    { status: "rejected", reason: source.failure },
    { status: "rejected", reason: source.failure },
  ]);
});

test("every second column of a wide file is read correctly by few requests for each row group", async () => {
  const rows = 5_000;
  const names = Array.from({ length: 40 }, (_, index) => `c${index}`);
  const columns = names.map((name, index) => [
    name,
    Float64Array.from({ length: rows }, (_v, row) => index + row),
  ]);
  const bytesOfFile = encodeParquet(tableFromArrays(Object.fromEntries(columns)));
  const wanted = names.filter((_, index) => index % 2 === 0);
  const reading = async (wrap: (source: ByteSource) => ByteSource) => {
    const source = memorySource(bytesOfFile);
    using file = await openDatasetFile(wrap(source), "parquet", NEVER);
    const before = source.reads.length;
    let at = 0;
    for await (const batch of file.read({ rowStart: 0, rowEnd: rows, columns: wanted, signal: NEVER })) {
      for (const [index, name] of wanted.entries())
        expect(batch.getChild(name)?.get(3)).toBe(2 * index + at + 3);
      at += batch.numRows;
    }
    expect(at).toBe(rows);
    return source.reads.length - before;
  };
  // The decoder reads ten columns separately. The last ones came with the footer.
  expect(await reading((source) => source)).toBeGreaterThan(10);
  expect(await reading(gatheredSource)).toBe(2);
});
