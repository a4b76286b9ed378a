import type { TortureCase } from "./torture-case.ts";

/** More bytes in one column of one shard than the offsets of an Arrow batch can count. */
const ROWS = 1_000;
const TEXT_BYTES = 2_300_000;

/** Returns the case with over 2 GiB of text in one shard, whose file has a few hundred kilobytes. */
export function largeCase(torture: TortureCase): TortureCase {
  return {
    ...torture,
    format: "parquet",
    files: [{ name: "part-0.parquet", rows: ROWS }],
    kept: [{ name: "a large text", type: { kind: "string" }, nulls: 0, longest: TEXT_BYTES, long: "all" }],
    storage: { ...torture.storage, ...PLAIN },
    groupRows: ROWS / 10,
    shardRows: ROWS,
    workers: 1,
    reduce: false,
  };
}

const PLAIN = {
  codec: "zstd",
  pages: "1.0",
  version: "2.6",
  dictionary: false,
  pageBytes: 1 << 20,
  arrowSchema: true,
  pageIndex: false,
  checksums: false,
  int96: false,
  split: false,
  delta: false,
} as const;
