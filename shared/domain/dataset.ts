import type { Digest } from "../core/digest.ts";
import type { Location } from "./location.ts";

/** Formats whose files say what is in them. Outputs have one of these, and inputs may have others, too. */
export const TABLE_FORMATS = ["parquet", "arrow"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Name of a format of input files: one of `TABLE_FORMATS`, or of those that extensions add. */
export type DatasetFormat = string;

export function isTableFormat(format: DatasetFormat): format is TableFormat {
  return TABLE_FORMATS.some((each) => each === format);
}

/** A column as Shardmill sees it. `type` is a closed, JSON-able description of the Arrow type. */
export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly nullable: boolean;
}

export type NumericType =
  | "float16"
  | "float32"
  | "float64"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool";

export type TimeUnit = "second" | "millisecond" | "microsecond" | "nanosecond";

/**
 * Every Arrow type that is read. Numbers, lists of them and bytes can feed a model; all can be kept. What
 * becomes of each in the output and in SQL: docs/types.md.
 */
export type FieldType =
  | { readonly kind: "numeric"; readonly type: NumericType }
  | { readonly kind: "list"; readonly item: FieldType }
  | { readonly kind: "fixedList"; readonly item: FieldType; readonly length: number }
  | { readonly kind: "binary" }
  | { readonly kind: "fixedBinary"; readonly bytes: number }
  | { readonly kind: "string" }
  | { readonly kind: "null" }
  | { readonly kind: "date"; readonly unit: "day" | "millisecond" }
  | { readonly kind: "time"; readonly unit: TimeUnit }
  | { readonly kind: "timestamp"; readonly unit: TimeUnit; readonly zone: string | null }
  | { readonly kind: "duration"; readonly unit: TimeUnit }
  | { readonly kind: "interval"; readonly unit: "yearMonth" | "dayTime" | "monthDayNano" }
  | { readonly kind: "decimal"; readonly precision: number; readonly scale: number }
  | { readonly kind: "struct"; readonly fields: readonly Field[] }
  | { readonly kind: "map"; readonly key: FieldType; readonly value: FieldType }
  | { readonly kind: "union"; readonly fields: readonly Field[] }
  | { readonly kind: "dictionary"; readonly values: FieldType };

/** The types that a type is made of, one level down. */
export function innerTypes(type: FieldType): readonly FieldType[] {
  switch (type.kind) {
    case "list":
    case "fixedList":
      return [type.item];
    case "map":
      return [type.key, type.value];
    case "dictionary":
      return [type.values];
    case "struct":
    case "union":
      return type.fields.map((field) => field.type);
    default:
      return [];
  }
}

/**
 * How the files of a format of an extension are read. Beside the columns it is the format's own JSON, and one
 * for all files of a job.
 */
export interface FileForm {
  /** Every column of the files, in their order. */
  readonly fields: readonly Field[];
}

/**
 * Where the rows of a file lie that has no footer to say so: found by reading all of it once. Beside the form
 * it is the format's own JSON. In a lease it covers the rows of the lease, not all of the file's.
 */
export interface FileIndex {
  readonly form: FileForm;
}

export const PARTITION_TYPES = ["int64", "date", "string"] as const;
export type PartitionType = (typeof PARTITION_TYPES)[number];

/** What a folder `name=value` on the way to a file says: a column, of one value in all of the file's rows. */
export interface PartitionValue {
  readonly name: string;
  /** One for all files of the dataset. */
  readonly type: PartitionType;
  /** As text, whatever its type: `7`, `2024-02-29`. */
  readonly value: string | null;
}

/** One file of the sealed dataset and what identifies its content. */
export interface InputFile {
  /** As the coordinator sees it. */
  readonly path: Location;
  readonly format: DatasetFormat;
  readonly bytes: number;
  /** As its storage tells it: another one means that the file may have changed. */
  readonly version: string;
  readonly rows: number;
  /**
   * sha256 over the footer's bytes: changes when any row group's place, size or statistics change. Of a
   * file with an index: over that.
   */
  readonly footerSha256: Digest;
  /** Index of a file that is in none of `TABLE_FORMATS`. */
  readonly text?: FileIndex;
  /** Where folders are columns: those of this file, in the order of the folders. */
  readonly partitions?: readonly PartitionValue[];
}

export interface RowGroup {
  readonly rows: number;
  /** Uncompressed bytes of all columns. */
  readonly bytes: number;
}

/** What the shards of a file must be like. */
export interface FileCut {
  /**
   * Who reads some of its rows reads all that lies before them: it is cut only where a shard would be too
   * large to hold, or the job says how large shards are.
   */
  readonly isOnePiece: boolean;
  /** For how many slices each of it counts: a shard has a limit of them. */
  readonly slices: number;
}

/** The sealed input: files in order (sorted by path), one schema for all. */
export interface Dataset {
  readonly files: readonly InputFile[];
  readonly fields: readonly Field[];
  /**
   * sha256 of the files' fingerprints in order, without their paths: what "the same input" means on resume.
   */
  readonly digest: Digest;
}
