import { CompressionType } from "apache-arrow";
import { BufferRegion } from "apache-arrow/ipc/metadata/message";
import fc from "fast-check";
import { compressFrameSync } from "lz4-napi";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { ColumnFault } from "../../../../shared/dataset/arrow-check.ts";
import { decompressBuffers, loadCodec } from "../../../../shared/dataset/arrow-compression.ts";
import { codecOf, UnsupportedFault } from "../../../../shared/dataset/arrow-metadata.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { foreignFiles } from "../../../support/foreign-files.ts";
import { foreignStreams } from "../../../support/foreign-streams.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { plainRows } from "../../../support/sample-table.ts";

const open = (content: Uint8Array) => openDatasetFile(memorySource(content, "a.arrow"), "arrow", NEVER);
const LZ4 = { type: CompressionType.LZ4_FRAME, method: 0 } as const;
const ZSTD = { type: CompressionType.ZSTD, method: 0 } as const;

/** Returns a frame of one block that repeats a byte (at most 128 KiB). */
function zstdRun(byte: number, count: number): Uint8Array {
  const frame = new Uint8Array(13);
  const view = new DataView(frame.buffer);
  view.setUint32(0, 0xfd2fb528, true);
  // A single segment whose size has four bytes, and then a block: the last one, a run.
  frame[4] = 0b1010_0000;
  view.setUint32(5, count, true);
  const header = 1 | (1 << 1) | (count << 3);
  frame.set([header & 255, (header >> 8) & 255, header >> 16, byte], 9);
  return frame;
}

/** Returns bytes as a compressed buffer of an Arrow file. */
function buffer(packed: Uint8Array, length: bigint) {
  const bytes = new Uint8Array(8 + packed.length);
  new DataView(bytes.buffer).setBigInt64(0, length, true);
  bytes.set(packed, 8);
  return { bytes, regions: [new BufferRegion(0, bytes.length)] };
}

async function plainOf(codec: typeof LZ4 | typeof ZSTD, packed: Uint8Array, length: bigint, budget = 1e9) {
  const decompress = await loadCodec(codec);
  if (decompress === null) throw new Error("the codec is missing");
  const { bytes, regions } = decompressBuffers(buffer(packed, length), decompress, { bytes: budget });
  return bytes.slice(0, regions[0]?.length);
}

const expected = Array.from({ length: 24 }, (_, row) => {
  const values = {
    bool: row % 3 === 0,
    int64: `${row * 3}n`,
    float32: row / 4,
    string: `näme ${row % 3}`,
    list: Array.from({ length: row % 4 }, (_, at) => row + at),
    fixedList: [row, row + 0.5],
    dictionary: `class-${row % 3}`,
    struct: { a: `${row}n`, b: `b${row}` },
    view: `a view of some length ${row}`,
  };
  const nulls = Object.fromEntries(Object.keys(values).map((name) => [name, null]));
  return { ...(row % 5 === 4 ? (nulls as never as typeof values) : values), zeros: "0n" };
});

describe("a compressed Arrow file of another writer", () => {
  it.each([
    ["lz4", LZ4, compressFrameSync(Buffer.alloc(0))],
    ["zstd", ZSTD, zstdRun(0, 0)],
  ])("an empty compressed buffer is read: %s", async (_name, codec, packed) => {
    expect(await plainOf(codec, packed, 0n)).toEqual(new Uint8Array());
  });

  it.each(["lz4", "zstd"] as const)("values and nulls are read: %s", async (codec) => {
    using file = await open(foreignFiles.compressedArrow[codec]);
    expect(plainRows(await readRows(file))).toEqual([
      { id: "1n", s: "a".repeat(35) },
      { id: "2n", s: "b" },
      { id: "3n", s: null },
    ]);
  });

  it.each(["lz4", "zstd"] as const)("every type and a range of rows are read: %s", async (codec) => {
    using file = await open(foreignStreams[codec]);
    expect(plainRows(await readRows(file))).toEqual(expected);
    const some = await readRows(file, { rowStart: 14, rowEnd: 19, columns: ["dictionary", "list"] });
    const cut = expected.slice(14, 19).map(({ dictionary, list }) => ({ dictionary, list }));
    expect(plainRows(some)).toEqual(cut);
  });

  it.each(["lz4", "zstd"] as const)(
    "a file of %s with any bit flipped fails with a typed error or has the right number of rows",
    async (codec) => {
      const content = foreignStreams[codec];
      await fc.assert(
        fc.asyncProperty(fc.nat(content.length * 8 - 1), async (bit) => {
          const flipped = content.slice();
          flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          try {
            using file = await open(flipped);
            expect((await readRows(file)).numRows).toBe(file.rows);
          } catch (error) {
            if (!isShardmillError(error)) throw error;
            expect(["INPUT_CORRUPT", "INPUT_UNSUPPORTED"]).toContain(error.code);
          }
        }),
        { numRuns: 400, seed: 3 },
      );
    },
  );
});

describe("a compressed buffer", () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => (at >> 3) % 251);
  const frame = compressFrameSync(Buffer.from(bytes));

  it("a buffer is decompressed to its stated length, or returned as it is if it is not compressed", async () => {
    expect(Buffer.compare(await plainOf(LZ4, frame, 100_000n), bytes)).toBe(0);
    expect(await plainOf(ZSTD, zstdRun(7, 9), 9n)).toEqual(new Uint8Array(9).fill(7));
    for (const codec of [LZ4, ZSTD])
      expect(await plainOf(codec, Uint8Array.of(1, 2, 3), -1n)).toEqual(Uint8Array.of(1, 2, 3));
  });

  it.each([
    ["lz4 of more bytes than stated", LZ4, frame, 99_999n],
    ["lz4 of fewer bytes than stated", LZ4, frame, 100_001n],
    ["zstd of more bytes than stated", ZSTD, zstdRun(7, 100_000), 10n],
    ["zstd of fewer bytes than stated", ZSTD, zstdRun(7, 10), 1_000n],
    ["a frame that is cut short", LZ4, frame.subarray(0, 50), 100_000n],
    ["a frame of lz4 as zstd", ZSTD, frame, 100_000n],
    ["a frame of zstd as lz4", LZ4, zstdRun(1, 5), 5n],
    ["a negative length", LZ4, frame, -2n],
    ["a stated length beyond what a codec can make of the bytes", ZSTD, zstdRun(7, 10), 2n ** 40n],
    ["a stated length without any bytes", ZSTD, new Uint8Array(), 10n],
  ])("a corrupt buffer is refused: %s", async (_, codec, packed, length) => {
    await expect(plainOf(codec, packed, length)).rejects.toThrow(/./);
    await expect(plainOf(codec, packed, length)).rejects.not.toBeInstanceOf(UnsupportedFault);
  });

  it("a buffer whose stated length exceeds the decoder's budget is unsupported", async () => {
    await expect(plainOf(ZSTD, zstdRun(7, 100_000), 100_000n, 99_999)).rejects.toBeInstanceOf(
      UnsupportedFault,
    );
  });

  it("a buffer whose blocks may expand far beyond its stated length is refused", async () => {
    const blocks = 100;
    const bomb = new Uint8Array(7 + blocks * 5 + 4);
    const view = new DataView(bomb.buffer);
    view.setUint32(0, 0x184d2204, true);
    bomb.set([0x60, 0x70, 0x73], 4);
    for (let at = 0; at < blocks; at += 1) view.setUint32(7 + at * 5, 1, true);
    await expect(plainOf(LZ4, bomb, 1n)).rejects.toBeInstanceOf(ColumnFault);
  });

  it("an unknown codec is refused by its number, and compression as a whole is unsupported", () => {
    expect(codecOf(null)).toBeNull();
    expect(() => codecOf({ type: 2, method: 0 } as never)).toThrow("codec 2");
    expect(() => codecOf({ type: 0, method: 1 } as never)).toThrow(UnsupportedFault);
  });
});
