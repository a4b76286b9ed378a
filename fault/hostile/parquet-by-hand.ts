import { gzipSync } from "node:zlib";
import { i32, i64, list, struct, type ThriftValue, text } from "./thrift.ts";

/**
 * Parquet files assembled by hand, in which every number may be wrong. `x` is a float column, as the job
 * expects.
 */
interface LyingParquet {
  readonly fileRows?: bigint | number;
  readonly groupRows?: bigint | number;
  readonly values?: bigint | number;
  readonly uncompressedBytes?: bigint | number;
  readonly compressedBytes?: bigint | number;
  readonly pageOffset?: bigint | number;
  readonly codec?: number;
  readonly pages: Buffer;
  /** Schema elements. Default: one float column `x`. */
  readonly schema?: readonly ThriftValue[];
  readonly schemaCount?: number;
  readonly groupCount?: number;
  readonly footerBytes?: number;
}

export const CODEC = { none: 0, snappy: 1, gzip: 2, brotli: 4, zstd: 6, lz4: 7 } as const;
const FLOAT = 4;
const PLAIN = 0;
const RLE = 3;
const RLE_DICTIONARY = 8;

export const ROOT = (children: number) => struct({ 4: text("schema"), 5: i32(children) });
export const FLOAT_X = struct({ 1: i32(FLOAT), 3: i32(0), 4: text("x") });

export function lyingParquet(lies: LyingParquet): Buffer {
  const { pages, codec = CODEC.none } = lies;
  const rows = lies.groupRows ?? 4;
  const column = struct({
    1: i32(FLOAT),
    2: list([i32(PLAIN), i32(RLE)]),
    3: list([text("x")]),
    4: i32(codec),
    5: i64(lies.values ?? rows),
    6: i64(lies.uncompressedBytes ?? pages.length),
    7: i64(lies.compressedBytes ?? pages.length),
    9: i64(lies.pageOffset ?? 4),
  });
  const group = struct({
    1: list([struct({ 2: i64(4), 3: column })]),
    2: i64(lies.uncompressedBytes ?? pages.length),
    3: i64(rows),
  });
  const footer = struct({
    1: i32(2),
    2: list(lies.schema ?? [ROOT(1), FLOAT_X], lies.schemaCount),
    3: i64(lies.fileRows ?? rows),
    4: list([group], lies.groupCount),
  }).bytes;
  const length = Buffer.alloc(4);
  length.writeUInt32LE(lies.footerBytes ?? footer.length);
  return Buffer.concat([Buffer.from("PAR1"), pages, footer, length, Buffer.from("PAR1")]);
}

interface LyingPage {
  readonly values: number;
  /** Stored bytes. */
  readonly content: Buffer;
  /** Uncompressed size that the page claims. */
  readonly uncompressedBytes?: number;
  readonly compressedBytes?: number;
  readonly encoding?: number;
}

export function dataPage(page: LyingPage): Buffer {
  const header = struct({
    1: i32(0),
    2: i32(page.uncompressedBytes ?? page.content.length),
    3: i32(page.compressedBytes ?? page.content.length),
    5: struct({ 1: i32(page.values), 2: i32(page.encoding ?? PLAIN), 3: i32(RLE), 4: i32(RLE) }),
  });
  return Buffer.concat([header.bytes, page.content]);
}

export function dictionaryPage(page: LyingPage): Buffer {
  const header = struct({
    1: i32(2),
    2: i32(page.uncompressedBytes ?? page.content.length),
    3: i32(page.compressedBytes ?? page.content.length),
    7: struct({ 1: i32(page.values), 2: i32(PLAIN) }),
  });
  return Buffer.concat([header.bytes, page.content]);
}

/** Builds indices into a dictionary: one run of `count` times `index`, `bits` wide. */
export function dictionaryRun(values: number, count: number, index: number, bits: number): Buffer {
  const content = Buffer.concat([Buffer.of(bits), runLength(count), Buffer.of(index & 0xff, 0, 0, 0)]);
  return dataPage({ values, content, encoding: RLE_DICTIONARY });
}

function runLength(count: number): Buffer {
  const bytes: number[] = [];
  let rest = count * 2;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return Buffer.from([...bytes, rest]);
}

export function floats(count: number): Buffer {
  return Buffer.from(Float32Array.from({ length: count }, (_, index) => index).buffer);
}

/** Builds a zstd frame of zeros in run-length blocks: four bytes become 128 KiB. Format: RFC 8878. */
export function zstdBomb(bytes: number): Buffer {
  const BLOCK = 128 << 10;
  const blocks = Math.ceil(bytes / BLOCK);
  // Magic, then a header without content size and a window of 128 KiB.
  const head = Buffer.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38);
  const body = Buffer.alloc(blocks * 4);
  for (let block = 0; block < blocks; block += 1) {
    const last = block === blocks - 1 ? 1 : 0;
    body.writeUIntLE((BLOCK << 3) | (1 << 1) | last, block * 4, 3);
  }
  return Buffer.concat([head, body]);
}

/** Builds a gzip file that repeats one member of 8 MiB of zeros. */
export function gzipBomb(bytes: number): Buffer {
  const MEMBER = 8 << 20;
  const member = gzipSync(Buffer.alloc(MEMBER));
  return Buffer.concat(Array.from({ length: Math.ceil(bytes / MEMBER) }, () => member));
}
