import { type BodyCompression, BufferRegion } from "apache-arrow/ipc/metadata/message";
import { formatBytes } from "../core/units.ts";
import { ColumnFault } from "./arrow-check.ts";
import { type ArrowCodec, codecOf, UnsupportedFault } from "./arrow-metadata.ts";
import { decoderMemoryBytes } from "./parquet-memory.ts";

/** The bytes of one buffer of `length` bytes. They are the codec's: to be copied before its next call. */
type Decompress = (bytes: Uint8Array, length: number) => Uint8Array;

/** A column's buffers, in the order of the format, each a region of `bytes`. */
export interface ColumnBuffers {
  readonly bytes: Uint8Array;
  readonly regions: readonly BufferRegion[];
}

/** The length that a buffer has once it is decompressed, before its bytes; -1: they are not compressed. */
const PREFIX_BYTES = 8;
const NOT_COMPRESSED = -1n;
const NOTHING = new Uint8Array();

/** What both codecs can make of a byte at most, and more: zstd has blocks of 128 KiB in four bytes. */
const MOST_RATIO = 2 ** 16;

/** Buffers start at a multiple of it, to be read in place. */
const ALIGNMENT = 8;

/**
 * The buffers of a column as they were before they were compressed, in memory of their own.
 * Format: https://arrow.apache.org/docs/format/Columnar.html#compression
 *
 * @param budget what may still be asked for of the record batch: a few bytes may say that they become
 * gigabytes
 * @throws {ColumnFault} for bytes that do not become what they say
 * @throws {UnsupportedFault} for more than the budget
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
    // Some writers compress nothing, too, which then is something.
    const plain = length === 0 ? NOTHING : isPacked ? decompress(packed, length) : packed;
    if (plain.length !== length)
      throw new ColumnFault(`a buffer that is not the ${length} bytes that it says`);
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
  /** Once it is decompressed. */
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
  throw new ColumnFault(`a buffer of ${packed.length} bytes that says that it becomes ${declared}`);
}

function paddedLength(length: number): number {
  return Math.ceil(length / ALIGNMENT) * ALIGNMENT;
}

const CODECS = { lz4: loadLz4, zstd: loadZstd } as const satisfies Record<ArrowCodec, unknown>;

/**
 * What reads the buffers of a record batch; null where they are not compressed. Libraries are loaded when
 * they are needed.
 */
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

/**
 * Blocks may be shorter than their frame says that they are at most, as the last one is: not this much
 * together.
 */
const LZ4_SPARE_BYTES = 64 << 20;

const LZ4_MAGIC = 0x184d2204;

/**
 * The bytes that a frame becomes at most: its blocks are as many times as long as its header says at most.
 * The library would find room for whatever comes out. Format:
 * https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
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
  const decoder = new ZSTDDecoder();
  await decoder.init();
  return (bytes, length) => {
    if (bytes.length + length > ZSTD_BYTES) {
      const what = `a buffer of ${length} bytes compressed with zstd, where ${ZSTD_BYTES} are the limit,`;
      throw new UnsupportedFault(what, "write it with smaller record batches");
    }
    return decoder.decode(bytes, length);
  };
}

/**
 * Of one buffer, compressed and not: the decoder's memory ends at 2 GiB, or earlier where this process bounds
 * it, and it does not look whether it got what it asked for.
 */
const ZSTD_BYTES = Math.min(2 ** 31, decoderMemoryBytes) / 2;
