import { type BodyCompression, BufferRegion } from "apache-arrow/ipc/metadata/message";
import { formatBytes } from "../core/units.ts";
import { ColumnFault } from "./arrow-check.ts";
import { type ArrowCodec, codecOf, UnsupportedFault } from "./arrow-metadata.ts";
import { decoderMemoryBytes, limitDecoderMemory } from "./parquet-memory.ts";

/** Decompresses one buffer to `length` bytes. The codec owns the result: copy it before the next call. */
type Decompress = (bytes: Uint8Array, length: number) => Uint8Array;

/** Buffers of a column, in the order of the format. Each is a region of `bytes`. */
export interface ColumnBuffers {
  readonly bytes: Uint8Array;
  readonly regions: readonly BufferRegion[];
}

/** Bytes before a buffer that hold its decompressed length. -1: the buffer is not compressed. */
const PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1n;
const NOTHING = new Uint8Array();

/** Largest ratio that is accepted. Both codecs stay below it: zstd packs 128 KiB into four bytes. */
const MOST_RATIO = 2 ** 16;

/** Alignment of buffers, so that they are read in place. */
const ALIGNMENT = 8;

/**
 * Decompresses the buffers of a column into memory of their own.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#compression
 *
 * @param budget bytes that the record batch may still take: a few bytes may declare gigabytes
 * @throws {ColumnFault} when bytes do not decompress to their declared length
 * @throws {UnsupportedFault} when the budget is exceeded
 */
export function decompressBuffers(
  { bytes, regions }: ColumnBuffers,
  decompress: Decompress,
  budget: { bytes: number },
): ColumnBuffers {
  const buffers = regions.map((region) => readPrefix(bytes, region));
  const total = buffers.reduce((sum, { length }) => sum + paddedLength(length), 0);
  budget.bytes -= total;
  if (budget.bytes < 0) {
    const what = `more than ${formatBytes(decoderMemoryBytes)} at once in a record batch`;
    throw new UnsupportedFault(what, "write it with smaller record batches, or give its reader more memory");
  }
  const target = new Uint8Array(total);
  let at = 0;
  const plainRegions = buffers.map(({ packed, isPacked, length }) => {
    // Some writers also compress empty buffers, which then have bytes.
    const plain = length === 0 ? NOTHING : isPacked ? decompress(packed, length) : packed;
    if (plain.length !== length) throw new ColumnFault(`a buffer of other than its declared ${length} bytes`);
    target.set(plain, at);
    const region = new BufferRegion(at, length);
    at += paddedLength(length);
    return region;
  });
  return { bytes: target, regions: plainRegions };
}

interface PackedBuffer {
  readonly packed: Uint8Array;
  readonly isPacked: boolean;
  /** Length after decompression. */
  readonly length: number;
}

function readPrefix(bytes: Uint8Array, { offset, length }: BufferRegion): PackedBuffer {
  if (length === 0) return { packed: NOTHING, isPacked: false, length: 0 };
  if (length < PREFIX_BYTES) throw new ColumnFault(`a compressed buffer of ${length} bytes`);
  const declared = new DataView(bytes.buffer, bytes.byteOffset + offset, PREFIX_BYTES).getBigInt64(0, true);
  const packed = bytes.subarray(offset + PREFIX_BYTES, offset + length);
  if (declared === NOT_COMPRESSED) return { packed, isPacked: false, length: packed.length };
  const plain = Number(declared);
  if (plain >= 0 && plain <= packed.length * MOST_RATIO) return { packed, isPacked: true, length: plain };
  throw new ColumnFault(`a buffer of ${packed.length} bytes that declares ${declared} bytes decompressed`);
}

function paddedLength(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

const CODECS = { lz4: loadLz4, zstd: loadZstd } as const satisfies Record<ArrowCodec, unknown>;

/** Loads the decompressor of a record batch's buffers. Null: the buffers are not compressed. */
export function loadCodec(compression: BodyCompression | null): Promise<Decompress> | null {
  const codec = codecOf(compression);
  return codec === null ? null : CODECS[codec]();
}

async function loadLz4(): Promise<Decompress> {
  const { decompressFrameSync } = await import("lz4-napi");
  return (bytes, length) => {
    const most = lz4FrameBytes(bytes);
    if (most > length + LZ4_SPARE_BYTES) throw new ColumnFault(`lz4 blocks of ${most} bytes for ${length}`);
    return decompressFrameSync(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  };
}

/** Spare bytes of an lz4 frame. Blocks may be shorter than the frame's block size, as the last one is. */
const LZ4_SPARE_BYTES = 64 << 20;

const LZ4_MAGIC = 0x184d2204;

/**
 * Returns the most bytes that a frame can decompress to: its count of blocks times its block size. The
 * library itself would allocate any amount.
 * Format: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
function lz4FrameBytes(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (view.getUint32(0, true) !== LZ4_MAGIC) throw new ColumnFault("no lz4 frame");
  const flags = view.getUint8(4);
  const blockBytes = 2 ** (8 + 2 * ((view.getUint8(5) >> 4) & 7));
  const checksumBytes = (flags & 0x10) === 0 ? 0 : 4;
  let at = 7 + ((flags & 0x08) === 0 ? 0 : 8) + ((flags & 0x01) === 0 ? 0 : 4);
  let most = 0;
  while (true) {
    const size = view.getUint32(at, true);
    if (size === 0) return most;
    at += 4 + (size & 0x7fffffff) + checksumBytes;
    most += blockBytes;
  }
}

async function loadZstd(): Promise<Decompress> {
  const { ZSTDDecoder } = await import("zstddec");
  limitDecoderMemory();
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (bytes, length) => {
    if (bytes.length + length > ZSTD_BYTES) {
      const what = `a buffer of ${length} bytes compressed with zstd (limit ${ZSTD_BYTES}),`;
      throw new UnsupportedFault(what, "write it with smaller record batches");
    }
    return decoder.decode(bytes, length);
  };
}

/**
 * Limit of a buffer's compressed and decompressed bytes together. The decoder's memory ends at 2 GiB, or at
 * this process's bound. The decoder does not check whether its allocations succeed.
 */
const ZSTD_BYTES = Math.min(2 ** 31, decoderMemoryBytes) / 2;
