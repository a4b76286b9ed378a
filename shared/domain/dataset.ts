import type { Digest } from "../core/digest.ts";
import type { Location } from "./location.ts";

/**
 * Formats of files that contain their own schema. Outputs have one of these. Extensions add formats of
 * inputs.
 */
export const TABLE_FORMATS = ["parquet", "arrow"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Format of input files: one of `TABLE_FORMATS`, or one that an extension adds. */
export type DatasetFormat = string;

export function isTableFormat(format: DatasetFormat): format is TableFormat {
  return TABLE_FORMATS.some((each) => each === format);
}

/** Column. `type` describes the Arrow type as plain JSON. */
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
 * Arrow types that can be read. Numbers, lists of numbers and bytes can feed a model. All types can be kept.
 * docs/types.md lists how each appears in the output and in SQL.
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

/** Returns the types that a type contains, one level down. */
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

/** Form of an extension's files: columns, and JSON of the format. All files of a job share one form. */
export interface FileForm {
  /** All columns, in the files' order. */
  readonly fields: readonly Field[];
}

/**
 * Index of a file without a footer, from one full read. Beside the form it has JSON of the format. In a
 * lease, it covers only the rows of the lease.
 */
export interface FileIndex {
  readonly form: FileForm;
}

export const PARTITION_TYPES = ["int64", "date", "string"] as const;
export type PartitionType = (typeof PARTITION_TYPES)[number];

/** Column from a folder `name=value` in the file's path. All rows of the file have this value. */
export interface PartitionValue {
  readonly name: string;
  /** All files of the dataset share this type. */
  readonly type: PartitionType;
  /** Text for every type: `7`, `2024-02-29`. Null: the value is null. */
  readonly value: string | null;
}

/** File of the sealed dataset, with the identity of its content. */
export interface InputFile {
  /** Location, as the coordinator sees it. */
  readonly path: Location;
  readonly format: DatasetFormat;
  readonly bytes: number;
  /** Version from the storage. A change means that the file may have changed. */
  readonly version: string;
  readonly rows: number;
  /**
   * sha256 of the footer's bytes. It changes when the place, size or statistics of any row group change.
   * Files with an index: sha256 of the index.
   */
  readonly footerSha256: Digest;
  /** Index. Only for files whose format is not one of `TABLE_FORMATS`. */
  readonly text?: FileIndex;
  /** Columns from the folders in the path, in the order of the folders. */
  readonly partitions?: readonly PartitionValue[];
}

export interface RowGroup {
  readonly rows: number;
  /** Uncompressed bytes of all columns. */
  readonly bytes: number;
}

/** Limits on how a file is cut into shards. */
export interface FileCut {
  /**
   * Reading rows also reads all rows before them. Such a file is cut only when a shard would exceed memory,
   * or by `shardRows`.
   */
  readonly isOnePiece: boolean;
  /** Weight of each of the file's slices towards the limit of slices in a shard. */
  readonly slices: number;
}

/** Version of a lake table, which a job reads until its end. */
export interface PinnedTable {
  /** Folder of the table. */
  readonly path: Location;
  /** Options of the table's format by which this version is read again. */
  readonly options: object;
}

/** Sealed input. Files are sorted by path and share one schema. */
export interface Dataset {
  readonly files: readonly InputFile[];
  readonly fields: readonly Field[];
  /**
   * sha256 of the files' fingerprints in order, without their paths. On resume, an equal digest means the
   * same input.
   */
  readonly digest: Digest;
}
