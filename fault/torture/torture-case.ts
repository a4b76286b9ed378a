import type { ColumnType, NamedType, NumberKind } from "./column-type.ts";

/** Who writes a case's files and reads what was published: another program than the one that is tried. */
export const HANDS = ["duckdb", "pyarrow"] as const;
export type HandName = (typeof HANDS)[number];

export interface KeptColumn extends NamedType {
  /** Share of rows that are null, 0 to 1. */
  readonly nulls: number;
  /** Texts and lists are up to so many items long. */
  readonly longest: number;
  /** How many of them are about that long; the others have a few items. */
  readonly long?: "few" | "all";
}

/** The column that feeds the model. The model gives back what it gets, so `y` must equal it bit for bit. */
export interface ModelColumn {
  readonly name: string;
  readonly dtype: NumberKind;
  /** Null: one number a row. */
  readonly width: number | null;
  readonly shape: "scalar" | "list" | "fixedList" | "binary";
  /** Share of rows without a value: dead letters. */
  readonly nulls: number;
}

export interface CaseFile {
  readonly name: string;
  readonly rows: number;
}

/** One whole job over generated data. Plain JSON: it crosses into Python as it is. */
export interface TortureCase {
  readonly seed: number;
  readonly index: number;
  readonly hand: HandName;
  /** Name of the folder that the job lies in. */
  readonly folder: string;
  readonly format: "parquet" | "arrow";
  readonly files: readonly CaseFile[];
  /** Numbers the rows of all files in order: 0, 1, 2 ... */
  readonly id: string;
  readonly x: ModelColumn;
  readonly kept: readonly KeptColumn[];
  /** How the files are written: codec, encodings, pages. A hand takes what it knows. */
  readonly storage: Readonly<Record<string, string | number | boolean>>;
  readonly groupRows: number;
  readonly outputRows: "parquet" | "arrow";
  readonly shardRows: number | "auto";
  readonly batchRows: number | "auto";
  readonly workers: number;
  /** Count the rows, and the values of each kept column, by SQL on the workers and on the coordinator. */
  readonly reduce: boolean;
}

export function rowsOf({ files }: Pick<TortureCase, "files">): number {
  return files.reduce((sum, { rows }) => sum + rows, 0);
}

/** The output column; no other is called so. */
export const OUTPUT_COLUMN = "y";

/** The types that one job may refuse, but only before any work and by the column's name. */
export function mayBeRefused(type: ColumnType): boolean {
  return REFUSABLE.has(type.kind) || (type.kind === "decimal" && type.bits === 256);
}

const REFUSABLE: ReadonlySet<ColumnType["kind"]> = new Set([
  "runEnds",
  "sparseUnion",
  "denseUnion",
  "duration",
  "monthInterval",
  "stringView",
  "binaryView",
]);
