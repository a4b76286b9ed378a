import { Dice } from "../hostile/dice.ts";
import { NUMBER_KINDS, type TimeUnit } from "./column-type.ts";
import { columnName, fileName, folderName } from "./names.ts";
import { MOST_DEPTH, randomType, type Writer } from "./random-type.ts";
import {
  type CaseFile,
  type HandName,
  type KeptColumn,
  type ModelColumn,
  OUTPUT_COLUMN,
  rowsOf,
  type TortureCase,
} from "./torture-case.ts";

interface CaseChoice {
  readonly seed: number;
  readonly index: number;
  readonly hand: HandName;
}

/** Makes the case of a seed and a number, independently of earlier cases. */
export function makeCase({ seed, index, hand }: CaseChoice): TortureCase {
  const dice = new Dice((seed * 1_000_003 + index * 7_919) >>> 0);
  const format = hand === "pyarrow" && dice.int(3) === 0 ? "arrow" : "parquet";
  const taken = new Set([OUTPUT_COLUMN]);
  const size = dice.pick(SIZES);
  const files = randomFiles(dice, format, size);
  const storage = format === "arrow" ? arrowStorage(dice) : parquetStorage(dice);
  const writer: Writer = { hand, format, zonedUnits: zonedUnits(format, `${storage.version}`) };
  return {
    seed,
    index,
    hand,
    folder: folderName(dice),
    format,
    files,
    id: columnName(dice, taken),
    x: modelColumn(dice, columnName(dice, taken), hand),
    kept: Array.from({ length: size.columns(dice) }, () => keptColumn(dice, writer, taken, size)),
    storage: { ...storage, seed: dice.int(2 ** 30) },
    groupRows: dice.pick([1, 7, 100, 1_000, 100_000]),
    outputRows: dice.pick(["parquet", "parquet", "arrow"]),
    shardRows: dice.pick(["auto", "auto", Math.max(1, Math.ceil(rowsOf({ files }) / 5))]),
    batchRows: dice.pick(["auto", 1, 13, 64]),
    workers: 1 + dice.int(2),
    reduce: dice.int(2) === 0,
  };
}

interface Size {
  readonly files: (dice: Dice) => number;
  readonly rows: (dice: Dice) => number;
  readonly columns: (dice: Dice) => number;
  /** Usual length of the longest text or list. */
  readonly longest: number;
}

/** Sizes of cases: mostly small, and one of each that is large in one way. */
const USUAL: Size = {
  files: (dice) => 1 + dice.int(3),
  rows: (dice) => dice.pick([0, 1, 2, 63, 64, 65, 300, 1_000]),
  columns: (dice) => 1 + dice.int(6),
  longest: 12,
};
const SIZES: readonly Size[] = [
  ...Array.from({ length: 12 }, () => USUAL),
  { ...USUAL, rows: () => 3_000 },
  { ...USUAL, files: (dice) => 40 + dice.int(60), rows: (dice) => dice.int(5), columns: () => 2 },
  { ...USUAL, columns: () => 150, rows: () => 50 },
  { ...USUAL, rows: (dice) => 1 + dice.int(6), columns: () => 2, longest: 2_000_000 },
  { ...USUAL, rows: (dice) => 200 + dice.int(800), columns: () => 2, longest: 20_000 },
];

function randomFiles(dice: Dice, format: TortureCase["format"], size: Size): CaseFile[] {
  return Array.from({ length: size.files(dice) }, (_, index) => ({
    name: fileName(dice, index, format === "arrow" ? dice.pick(["arrow", "feather"]) : "parquet"),
    rows: size.rows(dice),
  }));
}

function modelColumn(dice: Dice, name: string, hand: HandName): ModelColumn {
  const nulls = dice.pick([0, 0, 0, 0.1]);
  const kinds = NUMBER_KINDS.filter((kind) => hand === "pyarrow" || kind !== "float16");
  const shape = dice.pick(["scalar", "list", "fixedList", "binary"] as const);
  if (shape === "scalar") return { name, dtype: dice.pick(kinds), width: null, shape, nulls };
  const width = dice.pick([1, 3, 16]);
  return { name, dtype: shape === "binary" ? "uint8" : dice.pick(kinds), width, shape, nulls };
}

function keptColumn(dice: Dice, writer: Writer, taken: Set<string>, { longest }: Size): KeptColumn {
  const name = columnName(dice, taken);
  const type = randomType(dice, writer, MOST_DEPTH);
  return { name, type, nulls: dice.pick([0, 0, 0.3, 1]), longest };
}

/**
 * Returns the units of zoned timestamps. When the unit of the file differs from that of the column, a reader
 * loses the zone (docs/types.md).
 */
function zonedUnits(format: TortureCase["format"], version: string): readonly TimeUnit[] {
  if (format === "arrow") return ["s", "ms", "us", "ns"];
  return version === "2.6" ? ["ms", "us", "ns"] : ["ms", "us"];
}

function parquetStorage(dice: Dice): TortureCase["storage"] {
  const arrowSchema = dice.int(3) > 0;
  return {
    codec: dice.pick(["none", "snappy", "gzip", "zstd", "lz4", "brotli"]),
    pages: dice.pick(["1.0", "2.0"]),
    version: dice.pick(["1.0", "2.4", "2.6"]),
    dictionary: dice.int(2) === 0,
    pageBytes: dice.pick([64, 8_192, 1 << 20]),
    arrowSchema,
    pageIndex: dice.int(3) === 0,
    checksums: dice.int(3) === 0,
    // Readers disagree on the type when Arrow's schema is stored, too.
    int96: !arrowSchema && dice.int(3) === 0,
    split: dice.int(4) === 0,
    delta: dice.int(4) === 0,
  };
}

function arrowStorage(dice: Dice): TortureCase["storage"] {
  const codec = dice.pick(["none", "none", "lz4", "zstd"]);
  // pyarrow writes compressed buffers under version 4, but cannot read them.
  return { codec, version: codec === "none" ? dice.pick(["V4", "V5"]) : "V5" };
}
