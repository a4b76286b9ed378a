import { encodeParquet } from "../../shared/dataset/encode.ts";
import { foreignFiles } from "../../test/support/foreign-files.ts";
import { smallTable } from "../../test/support/sample-table.ts";
import type { Dice } from "./dice.ts";
import { type HostileFile, mutate } from "./mutate.ts";
import {
  CODEC,
  dataPage,
  dictionaryPage,
  dictionaryRun,
  FLOAT_X,
  floats,
  gzipBomb,
  lyingParquet,
  ROOT,
  zstdBomb,
} from "./parquet-by-hand.ts";
import { i32, struct, text } from "./thrift.ts";

const GIB = 2 ** 30;
const honest = dataPage({ values: 4, content: floats(4) });

/** Hostile Parquet files, each with one lie. */
export const PARQUET_LIES: readonly (() => HostileFile)[] = [
  lie("a valid file", () => lyingParquet({ pages: honest })),
  lie("2^62 rows", () => lyingParquet({ pages: honest, groupRows: 2n ** 62n, fileRows: 2n ** 62n })),
  lie("2^40 rows that are one run", () =>
    lyingParquet({ pages: honest, groupRows: 2n ** 40n, fileRows: 2n ** 40n, values: 2n ** 40n }),
  ),
  lie("-1 rows", () => lyingParquet({ pages: honest, groupRows: -1, fileRows: -1 })),
  lie("-1 values", () => lyingParquet({ pages: honest, values: -1 })),
  lie("five rows in the file, four in its group", () => lyingParquet({ pages: honest, fileRows: 5 })),
  lie("a group with more rows than its pages", () =>
    lyingParquet({ pages: honest, groupRows: 4_000, values: 4_000 }),
  ),
  lie("a page with more values than its group", () =>
    lyingParquet({ pages: dataPage({ values: 2 ** 31 - 1, content: floats(4) }) }),
  ),
  lie("a page with -1 values", () => lyingParquet({ pages: dataPage({ values: -1, content: floats(4) }) })),
  lie("a chunk that begins after the file", () => lyingParquet({ pages: honest, pageOffset: 10n ** 12n })),
  lie("a chunk at -8", () => lyingParquet({ pages: honest, pageOffset: -8 })),
  lie("a chunk of -1 bytes", () => lyingParquet({ pages: honest, compressedBytes: -1 })),
  lie("a chunk of 2^60 bytes", () => lyingParquet({ pages: honest, compressedBytes: 2n ** 60n })),
  lie("a group of 2^60 bytes", () => lyingParquet({ pages: honest, uncompressedBytes: 2n ** 60n })),
  lie("a group of -1 bytes", () => lyingParquet({ pages: honest, uncompressedBytes: -1 })),
  lie("a footer of 4 GiB", () => lyingParquet({ pages: honest, footerBytes: 0xffffffff })),
  lie("a footer of no bytes", () => lyingParquet({ pages: honest, footerBytes: 0 })),
  lie("a footer that begins too late", () => lyingParquet({ pages: honest, footerBytes: 9 })),
  lie("2^31 - 1 schema elements", () => lyingParquet({ pages: honest, schemaCount: 2 ** 31 - 1 })),
  lie("2^31 - 1 row groups", () => lyingParquet({ pages: honest, groupCount: 2 ** 31 - 1 })),
  lie("a root with 2^30 children", () => lyingParquet({ pages: honest, schema: [ROOT(2 ** 30), FLOAT_X] })),
  lie("a root with -1 children", () => lyingParquet({ pages: honest, schema: [ROOT(-1), FLOAT_X] })),
  ...[100, 5_000, 200_000].map((depth) =>
    lie(`a schema ${depth} deep`, () => {
      const nested = Array.from({ length: depth }, () => struct({ 3: i32(0), 4: text("g"), 5: i32(1) }));
      return lyingParquet({ pages: honest, schema: [ROOT(1), ...nested, FLOAT_X] });
    }),
  ),
  lie("a schema without columns", () => lyingParquet({ pages: honest, schema: [ROOT(0)] })),
  lie("a page with a claimed size of 2 GiB", () =>
    lyingParquet({
      codec: CODEC.zstd,
      pages: dataPage({ values: 4, content: zstdBomb(1 << 20), uncompressedBytes: 2 ** 31 - 1 }),
    }),
  ),
  lie("a page with a claimed size of -1 bytes", () =>
    lyingParquet({
      codec: CODEC.zstd,
      pages: dataPage({ values: 4, content: zstdBomb(1 << 20), uncompressedBytes: -1 }),
    }),
  ),
  lie("zstd of 4 GiB in a page of 16 bytes", () =>
    lyingParquet({
      codec: CODEC.zstd,
      pages: dataPage({ values: 4, content: zstdBomb(4 * GIB), uncompressedBytes: 16 }),
    }),
  ),
  lie("zstd of 1.5 GiB with its true size", () =>
    lyingParquet({
      codec: CODEC.zstd,
      pages: dataPage({ values: 4, content: zstdBomb(1.5 * GIB), uncompressedBytes: 1.5 * GIB }),
    }),
  ),
  lie("gzip of 512 MiB in a page of 16 bytes", () =>
    lyingParquet({
      codec: CODEC.gzip,
      pages: dataPage({ values: 4, content: gzipBomb(GIB / 2), uncompressedBytes: 16 }),
    }),
  ),
  ...Object.entries(CODEC).map(([codec, number]) =>
    lie(`plain bytes declared as ${codec} of 1 GiB`, () =>
      lyingParquet({
        codec: number,
        pages: dataPage({ values: 4, content: floats(4), uncompressedBytes: GIB }),
      }),
    ),
  ),
  lie("a dictionary index out of range", () =>
    lyingParquet({
      pages: Buffer.concat([dictionaryPage({ values: 2, content: floats(2) }), dictionaryRun(4, 4, 200, 8)]),
    }),
  ),
  lie("indices of 60 bits", () =>
    lyingParquet({
      pages: Buffer.concat([dictionaryPage({ values: 2, content: floats(2) }), dictionaryRun(4, 4, 1, 60)]),
    }),
  ),
  lie("a run of 2^40 rows of one dictionary entry", () =>
    lyingParquet({
      groupRows: 2 ** 31 - 1,
      pages: Buffer.concat([
        dictionaryPage({ values: 2, content: floats(2) }),
        dictionaryRun(2 ** 31 - 1, 2 ** 40, 1, 8),
      ]),
    }),
  ),
  lie("a dictionary of 2^31 - 1 entries", () =>
    lyingParquet({
      pages: Buffer.concat([
        dictionaryPage({ values: 2 ** 31 - 1, content: floats(2) }),
        dictionaryRun(4, 4, 1, 8),
      ]),
    }),
  ),
];

function lie(what: string, make: () => Uint8Array): () => HostileFile {
  return () => ({ what, bytes: make() });
}

const GOOD: readonly Uint8Array[] = [
  encodeParquet(smallTable(300), { rowGroupRows: 100 }),
  encodeParquet(smallTable(3)),
  foreignFiles.parquet,
];

/** Makes a hostile file: the lies first, then damaged files. */
export function hostileParquet(index: number, dice: Dice): HostileFile {
  return PARQUET_LIES[index]?.() ?? mutate(dice.pick([...GOOD, lyingParquet({ pages: honest })]), dice);
}
