import { tableToIPC } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { isPoisoned } from "../../../../shared/dataset/input-errors.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { foreignFiles } from "../../../support/foreign-files.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { embeddings, everyType, plainRows, smallTable, tableOf } from "../../../support/sample-table.ts";

const table = smallTable(1_000);
const bytes = encodeParquet(table, { rowGroupRows: 300 });

const open = (content: Uint8Array) => openDatasetFile(memorySource(content, "a.parquet"), "parquet", NEVER);

describe("a Parquet file", () => {
  it("a file is opened with its rows and row groups by one read of its footer", async () => {
    // Larger than the part that is read at once from the end.
    const source = memorySource(encodeParquet(tableOf({ e: embeddings(2_000, 64) })));
    using file = await openDatasetFile(source, "parquet", NEVER);
    expect(file.rows).toBe(2_000);
    expect(file.rowGroups.map(({ rows }) => rows)).toEqual([2_000]);
    expect(file.rowGroups[0]?.bytes).toBeGreaterThan(2_000 * 64 * 4);
    expect(file.footerSha256).toMatch(/^[0-9a-f]{64}$/);
    expect(source.reads.length).toBe(1);
    expect(source.reads[0]?.[0]).toBeGreaterThan(source.bytes - 70_000);
  });

  it("every type is read as it was written, also for a range across row groups", async () => {
    const types = everyType(700);
    for (const name of types.schema.names) {
      const column = types.select([name]);
      using file = await open(encodeParquet(column, { rowGroupRows: 300 }));
      for (const [rowStart, rowEnd] of [
        [0, 700],
        [299, 303],
      ] as const) {
        const rows = await readRows(file, { rowStart, rowEnd });
        expect(plainRows(rows)).toEqual(plainRows(column).slice(rowStart, rowEnd));
      }
    }
  });

  it("each batch is in one buffer of its own", async () => {
    using file = await open(bytes);
    const buffers = new Set<ArrayBufferLike>();
    for await (const { data } of file.read({
      rowStart: 0,
      rowEnd: 1_000,
      columns: ["id", "name"],
      signal: NEVER,
    })) {
      const own = new Set(data.children.flatMap(({ values, valueOffsets }) => [values, valueOffsets]));
      const found = new Set([...own].filter((part) => part !== undefined).map(({ buffer }) => buffer));
      expect(found.size).toBe(1);
      for (const buffer of found) buffers.add(buffer);
    }
    expect(buffers.size).toBe(4);
  });

  it("a column is distinguished from another whose name continues after a dot", async () => {
    const ints = everyType(20).select(["int32", "struct", "string"]);
    const batch = ints.batches[0];
    const [a, struct, dotted] = batch?.data.children ?? [];
    if (a === undefined || struct === undefined || dotted === undefined)
      throw new Error("expected three columns");
    using file = await open(encodeParquet(tableOf({ a: struct, "a.b": dotted, ab: a })));
    for (const column of ["a", "a.b", "ab"]) {
      const rows = await readRows(file, { columns: [column] });
      expect(rows.schema.names).toEqual([column]);
    }
  });

  it("only the needed column chunks and row groups are fetched", async () => {
    const wide = tableOf({ small: embeddings(4_000, 1), large: embeddings(4_000, 256) });
    const content = encodeParquet(wide, { rowGroupRows: 1_000 });
    const source = memorySource(content);
    using file = await openDatasetFile(source, "parquet", NEVER);
    const opened = source.reads.length;
    await readRows(file, { rowStart: 1_000, rowEnd: 2_000, columns: ["small"] });
    const fetched = source.reads.slice(opened).reduce((sum, [start, end]) => sum + end - start, 0);
    expect(fetched).toBeGreaterThan(0);
    expect(fetched).toBeLessThan(8_000);
  });

  it("only a part of a large row group is fetched for a part of its rows", async () => {
    const source = memorySource(
      encodeParquet(tableOf({ e: embeddings(50_000, 32) }), { rowGroupRows: 50_000 }),
    );
    using file = await openDatasetFile(source, "parquet", NEVER);
    const opened = source.reads.length;
    const rows = await readRows(file, { rowStart: 45_000, rowEnd: 46_000 });
    expect(rows.numRows).toBe(1_000);
    expect(rows.getChildAt(0)?.get(0)?.get(0)).toBe(45_000 * 32);
    const fetched = source.reads.slice(opened).reduce((sum, [start, end]) => sum + end - start, 0);
    expect(fetched).toBeLessThan(source.bytes / 4);
  });

  it("a large row group is decoded in batches of bounded size", async () => {
    using file = await open(encodeParquet(tableOf({ e: embeddings(20_000, 256) }), { rowGroupRows: 20_000 }));
    let largest = 0;
    let rows = 0;
    for await (const batch of file.read({ rowStart: 0, rowEnd: 20_000, columns: ["e"], signal: NEVER })) {
      largest = Math.max(largest, batch.numRows * 256 * 4);
      rows += batch.numRows;
    }
    expect(rows).toBe(20_000);
    expect(largest).toBeLessThanOrEqual(8 << 20);
  });

  it("lists, nulls and dictionaries of another writer are read", async () => {
    using file = await open(foreignFiles.parquet);
    expect(file.rowGroups.map(({ rows }) => rows)).toEqual([2, 1]);
    expect(plainRows(await readRows(file))).toEqual([
      { pixels: [0.5, 1], label: 1, cat: "x" },
      { pixels: [2], label: 2, cat: "y" },
      { pixels: null, label: 3, cat: "x" },
    ]);
  });
});

describe("a Parquet file that cannot be read", () => {
  it("an abort after a batch stops the read with the signal's reason", async () => {
    const content = encodeParquet(tableOf({ e: embeddings(4_000, 64) }), { rowGroupRows: 1_000 });
    const reason = new Error("enough");
    const controller = new AbortController();
    using file = await openDatasetFile(memorySource(content), "parquet", NEVER);
    const read = async () => {
      for await (const _ of file.read({
        rowStart: 0,
        rowEnd: 4_000,
        columns: ["e"],
        signal: controller.signal,
      })) {
        controller.abort(reason);
      }
    };
    await expect(read()).rejects.toBe(reason);
  });

  it.each([
    ["an empty file", new Uint8Array(), "footer"],
    ["a few bytes", new Uint8Array(11).fill(80), "footer"],
    ["garbage", Uint8Array.from({ length: 5_000 }, (_, i) => (i * 7919) % 256), "footer"],
    ["an Arrow file", tableToIPC(table, "file"), "footer"],
    ["a footer length of zero", withLength(bytes, 0), "footer"],
    ["a footer length beyond the file", withLength(bytes, 1e9), "footer"],
    ["a footer length that is too short", withLength(bytes, 100), "footer"],
    ["wrong first bytes", Uint8Array.from(bytes, (byte, i) => (i === 0 ? 0 : byte)), "header"],
  ])(
    "a corrupt file is refused with its path, the place and what was expected: %s",
    async (_, content, where) => {
      const error = await open(content).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toMatchObject({ code: "INPUT_CORRUPT", fields: { path: "a.parquet", where } });
      if (!isShardmillError(error)) throw new Error("expected a typed error");
      expect(error.fields.expected).toBeTruthy();
      expect(error.fields.found).toBeTruthy();
      expect(error.hint).toBeTruthy();
    },
  );

  it("a file with an encrypted footer is unsupported", async () => {
    const encrypted = bytes.slice();
    encrypted[encrypted.length - 1] = "E".charCodeAt(0);
    await expect(open(encrypted)).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it("a file is corrupt wherever it is cut short", async () => {
    const cuts = [1, 4, 8, 9, 100, 1_000, bytes.length >> 1, bytes.length - 12];
    for (const cut of cuts) {
      await expect(open(bytes.slice(0, bytes.length - cut))).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    }
  });

  it("a corrupt page fails with a typed error, and other files can still be read", async () => {
    const broken = bytes.slice();
    broken.fill(0xff, 4, 200);
    using good = await open(bytes);
    using file = await open(broken);
    const error = await readRows(file).catch((reason: unknown) => reason);
    expect(error).toMatchObject({
      code: "INPUT_CORRUPT",
      fields: { path: "a.parquet", where: "row group 0" },
    });
    expect(isPoisoned(error)).toBe(true);
    await expect(readRows(file)).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    expect((await readRows(good)).numRows).toBe(1_000);
    using other = await open(bytes);
    expect((await readRows(other)).numRows).toBe(1_000);
  });

  it("a file with any bit flipped fails with a typed error or has the right number of rows", async () => {
    const small = encodeParquet(smallTable(60), { rowGroupRows: 25 });
    let failures = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(small.length * 8 - 1), async (bit) => {
        const flipped = small.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        try {
          using file = await open(flipped);
          expect((await readRows(file)).numRows).toBe(file.rows);
        } catch (error) {
          failures += 1;
          if (!isShardmillError(error)) throw error;
          expect(["INPUT_CORRUPT", "INPUT_UNSUPPORTED"]).toContain(error.code);
        }
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(failures).toBeGreaterThan(30);
  });
});

function withLength(content: Uint8Array, length: number): Uint8Array {
  const changed = content.slice();
  new DataView(changed.buffer).setUint32(changed.length - 8, length, true);
  return changed;
}
