import { expect, test } from "vitest";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import type { InputFile } from "../../../../shared/domain/dataset.ts";
import type { Store } from "../../../../shared/store/store.ts";
import { BusyMeter } from "../../../../worker/shard/busy-meter.ts";
import { InputFiles } from "../../../../worker/shard/input-files.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { smallTable } from "../../../support/sample-table.ts";

const bytes = encodeParquet(smallTable(100));
const signal = new AbortController().signal;

/** Files of one content, under any path, and what a plan says of them; counts how often their data is read. */
async function rig() {
  const sources = new Map<string, ReturnType<typeof memorySource>>();
  const sourceOf = (path: string) => {
    const source = sources.get(path) ?? memorySource(bytes, path);
    sources.set(path, source);
    return source;
  };
  const store: Store = {
    stat: async () => ({ bytes: bytes.length, mtimeMs: 1 }),
    readRange: (path, start, end) => sourceOf(path).read(start, end),
    putOnce: async () => {},
  };
  using opened = await openDatasetFile(memorySource(bytes), "parquet");
  const { rows, footerSha256 } = opened;
  const planned = (path: string): InputFile => ({
    path,
    format: "parquet",
    bytes: bytes.length,
    mtimeMs: 1,
    rows,
    footerSha256,
  });
  const reads = (path: string) => sourceOf(path).reads.length;
  return { files: new InputFiles({ store, meter: new BusyMeter(() => 0) }), planned, reads };
}

test("a file that was given back is taken again as it is", async () => {
  const { files, planned, reads } = await rig();
  const first = await files.take(planned("a"), signal);
  files.giveBack(first);
  const before = reads("a");
  expect(await files.take(planned("a"), signal)).toBe(first);
  expect(reads("a")).toBe(before);
  files[Symbol.dispose]();
});

test("a file that two read at once is opened twice, and each reads its own", async () => {
  const { files, planned } = await rig();
  const both = [await files.take(planned("a"), signal), await files.take(planned("a"), signal)];
  expect(both[0]).not.toBe(both[1]);
  const counts = await Promise.all(
    both.map(async (file) => {
      let rows = 0;
      for await (const batch of file.read({ rowStart: 0, rowEnd: 100, columns: ["x"] }))
        rows += batch.numRows;
      return rows;
    }),
  );
  expect(counts).toEqual([100, 100]);
  files[Symbol.dispose]();
});

test("a file that was given back cannot be closed by who had it before", async () => {
  const { files, planned, reads } = await rig();
  const first = await files.take(planned("a"), signal);
  files.giveBack(first);
  files.drop(first);
  const before = reads("a");
  expect(await files.take(planned("a"), signal)).toBe(first);
  expect(reads("a")).toBe(before);
  files[Symbol.dispose]();
});

test("no more than two stay open: the one unused for longest is closed, never one that is taken", async () => {
  const { files, planned, reads } = await rig();
  for (const path of ["a", "b"]) files.giveBack(await files.take(planned(path), signal));
  const taken = await files.take(planned("b"), signal);
  files.giveBack(await files.take(planned("c"), signal));
  const before = reads("a");
  files.giveBack(await files.take(planned("a"), signal));
  expect(reads("a")).toBeGreaterThan(before);
  let rows = 0;
  for await (const batch of taken.read({ rowStart: 0, rowEnd: 100, columns: ["x"] })) rows += batch.numRows;
  expect(rows).toBe(100);
  files[Symbol.dispose]();
});

test("one that failed is dropped, and opened anew", async () => {
  const { files, planned } = await rig();
  const first = await files.take(planned("a"), signal);
  files.drop(first);
  expect(await files.take(planned("a"), signal)).not.toBe(first);
  files[Symbol.dispose]();
});
