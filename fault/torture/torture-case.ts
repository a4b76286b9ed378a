import type { ColumnType, NamedType, NumberKind } from "./column-type.ts";

/** Programs that write a case's files and read the output. Neither is Shardmill. */
export const HANDS = ["duckdb", "pyarrow"] as const;
export type HandName = (typeof HANDS)[number];

export interface KeptColumn extends NamedType {
  /** Share of null rows, 0 to 1. */
  readonly nulls: number;
  /** Maximum number of items in a text or list. */
  readonly longest: number;
  /** Number of texts and lists near that length. The others have a few items. */
  readonly long?: "few" | "all";
}

/** Column that feeds the model. The model copies its input, so `y` must equal it to the bit. */
export interface ModelColumn {
  readonly name: string;
  readonly dtype: NumberKind;
  /** Numbers per row. Null: one number. */
  readonly width: number | null;
  readonly shape: "scalar" | "list" | "fixedList" | "binary";
  /** Share of rows without a value, which become dead letters. */
  readonly nulls: number;
}

export interface CaseFile {
  readonly name: string;
  readonly rows: number;
}

/** One whole job over generated data. Plain JSON, so that Python reads it unchanged. */
export interface TortureCase {
  readonly seed: number;
  readonly index: number;
  readonly hand: HandName;
  /** Name of the job's folder. */
  readonly folder: string;
  readonly format: "parquet" | "arrow";
  readonly files: readonly CaseFile[];
  /** Column that numbers the rows of all files in order: 0, 1, 2 ... */
  readonly id: string;
  readonly x: ModelColumn;
  readonly kept: readonly KeptColumn[];
  /** Settings of the files: codec, encodings, pages. A hand uses those that it knows. */
  readonly storage: Readonly<Record<string, string | number | boolean>>;
  readonly groupRows: number;
  readonly outputRows: "parquet" | "arrow";
  readonly shardRows: number | "auto";
  readonly batchRows: number | "auto";
  readonly workers: number;
  /** Counts the rows, and the values of each kept column, by SQL on the workers and on the coordinator. */
  readonly reduce: boolean;
}

export function rowsOf({ files }: Pick<TortureCase, "files">): number {
  return files.reduce((sum, { rows }) => sum + rows, 0);
}

/** The output column. Its name is unique. */
export const OUTPUT_COLUMN = "y";

/** Returns true for types that a job may refuse, before any work and with the column's name. */
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
