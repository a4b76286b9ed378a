import fc from "fast-check";
import { expect, test } from "vitest";
import { ShardmillError } from "../../../../shared/core/errors.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import type { LeaseSlice } from "../../../../shared/domain/job.ts";
import { parseLocation } from "../../../../shared/domain/location.ts";
import { fetchedSource } from "../../../../shared/storage/small-file.ts";
import { BusyMeter } from "../../../../worker/meter/busy-meter.ts";
import { InputFiles } from "../../../../worker/read/input-files.ts";
import { ShardInput } from "../../../../worker/read/shard-input.ts";
import type { Way } from "../../../../worker/read/ways.ts";
import { smallTable } from "../../../support/sample-table.ts";

const { signal } = new AbortController();
const table = smallTable(60);
const whole = encodeParquet(table);

/**
 * Cuts the table into files of these sizes, `/0`, `/1`, ... A file that is `null` in `contents` is missing.
 */
async function filesOf(sizes: readonly number[]) {
  const contents = new Map<string, Uint8Array | null>();
  const slices: LeaseSlice[] = [];
  let from = 0;
  for (const [index, rows] of sizes.entries()) {
    const path = `/${index}`;
    const bytes = encodeParquet(table.slice(from, from + rows));
    using file = await openDatasetFile(fetchedSource(path, bytes), "parquet", signal);
    contents.set(path, bytes);
    const { footerSha256 } = file;
    slices.push({
      file: {
        path: parseLocation(path),
        format: "parquet",
        bytes: bytes.length,
        version: "1",
        rows,
        footerSha256,
      },
      rowStart: 0,
      rowEnd: rows,
    });
    from += rows;
  }
  return { contents, slices };
}

/** Returns access to the files that counts concurrent requests. */
function wayTo(contents: ReadonlyMap<string, Uint8Array | null>) {
  const counts = { now: 0, most: 0 };
  const bytesOf = async (path: string) => {
    counts.now += 1;
    counts.most = Math.max(counts.most, counts.now);
    await new Promise((resolve) => setImmediate(resolve));
    counts.now -= 1;
    const bytes = contents.get(path);
    if (bytes === undefined || bytes === null)
      throw new ShardmillError("STORE_NOT_FOUND", `${path}: no such file`);
    return bytes;
  };
  const way: Way = {
    checksVersion: async () => false,
    stat: async (path) => ({ bytes: (await bytesOf(path)).length, version: "1" }),
    read: async (path, start, end) => (await bytesOf(path)).slice(start, end),
  };
  return { way, counts };
}

async function read(slices: readonly LeaseSlice[], way: Way) {
  const begun: number[] = [];
  await using files = new InputFiles({ ways: [way], meter: new BusyMeter(() => 0) });
  using input = await ShardInput.open(slices, files, { signal, onFile: (slice) => begun.push(slice) });
  const rows: string[] = [];
  const columns = table.schema.fields.map(({ name }) => name);
  const print = (_key: string, value: unknown) => (typeof value === "bigint" ? `${value}` : value);
  for await (const batch of input.read(columns, signal))
    rows.push(...batch.toArray().map((row) => JSON.stringify(row, print)));
  await input.confirm(signal);
  return { rows, begun };
}

test("many small files give the same rows as one file, with at most 18 requests at once", async () => {
  const { way: one } = wayTo(new Map([["/0", whole]]));
  const { slices: all } = await filesOf([60]);
  const expected = await read(all, one);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 60, maxLength: 60 }),
      async (cuts) => {
        let left = 60;
        const sizes = cuts.flatMap((size) => {
          const rows = Math.min(size, left);
          left -= rows;
          return rows > 0 ? [rows] : [];
        });
        const { contents, slices } = await filesOf(sizes);
        const { way, counts } = wayTo(contents);
        const { rows, begun } = await read(slices, way);
        expect(rows).toEqual(expected.rows);
        expect(begun).toEqual(slices.map((_, index) => index));
        expect(counts.most).toBeLessThanOrEqual(18);
      },
    ),
    { numRuns: 15 },
  );
});

test("only the leased parts of the first and the last file are read", async () => {
  const { contents, slices } = await filesOf([20, 20, 20]);
  const cut = slices.map((slice, index) => {
    if (index === 0) return { ...slice, rowStart: 15 };
    return index === 2 ? { ...slice, rowEnd: 5 } : slice;
  });
  const { way } = wayTo(contents);
  expect((await read(cut, way)).rows).toEqual((await read(slices, way)).rows.slice(15, 45));
});

test.each<[string, (bytes: Uint8Array) => Uint8Array | null, string]>([
  ["is missing", () => null, "INPUT_CHANGED"],
  ["has another size", (bytes) => bytes.slice(1), "INPUT_CHANGED"],
  ["has another footer", (bytes) => flipped(bytes, bytes.length - 20), "INPUT_C"],
  ["is corrupt", (bytes) => flipped(bytes, 6), "INPUT_CORRUPT"],
])("the error names the one of many files that %s", async (_what, change, code) => {
  const { contents, slices } = await filesOf(Array(20).fill(3));
  contents.set("/13", change(contents.get("/13") ?? new Uint8Array()));
  const { way } = wayTo(contents);
  const failure = await read(slices, way).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: expect.stringContaining(code), fields: { path: "/13" } });
});

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 0xff : byte));
}
