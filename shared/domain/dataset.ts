import type { Digest } from "../core/digest.ts";
import type { Location } from "./location.ts";

/** Formats whose files say what is in them. */
export const TABLE_FORMATS = ["parquet", "arrow"] as const;
export type TableFormat = (typeof TABLE_FORMATS)[number];

/** Formats of lines, whose columns are found by looking: `json` is JSON Lines, an object a line. */
export const TEXT_FORMATS = ["csv", "json"] as const;
export type TextFormat = (typeof TEXT_FORMATS)[number];

export const DATASET_FORMATS = [...TABLE_FORMATS, ...TEXT_FORMATS] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

/** As people write them. */
export const FORMAT_NAMES = {
  parquet: "Parquet",
  arrow: "Arrow",
  csv: "CSV",
  json: "JSON Lines",
} as const satisfies Record<DatasetFormat, string>;

export function isTextFormat(format: DatasetFormat): format is TextFormat {
  return format === "csv" || format === "json";
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

/** Encodings of CSV files. */
export const CSV_ENCODINGS = ["utf-8", "latin1", "windows-1252", "utf-16le", "utf-16be"] as const;
export type CsvEncoding = (typeof CSV_ENCODINGS)[number];

/** How the records of a CSV file are read. Characters are single and of ASCII. */
export interface CsvForm {
  readonly kind: "csv";
  /** Default: UTF-8. */
  readonly encoding?: CsvEncoding;
  readonly delimiter: string;
  /** Empty: values are never quoted. */
  readonly quote: string;
  /** What stands before a quote within quotes: the quote itself, or another character. */
  readonly escape: string;
  /** Lines before the header, or before the first record where there is none. */
  readonly skip: number;
  readonly header: boolean;
  /** Unquoted values that stand for null. */
  readonly nulls: readonly string[];
  readonly decimal: "." | ",";
  /** As `strptime` has them; null: ISO 8601. */
  readonly dateFormat: string | null;
  readonly timestampFormat: string | null;
  /** Every column of the file, in its order. */
  readonly fields: readonly Field[];
}

/** How the lines of a JSON Lines file are read: the keys that are columns. */
export interface JsonForm {
  readonly kind: "json";
  readonly fields: readonly Field[];
}

export type TextForm = CsvForm | JsonForm;

/** Records side by side, with all that lies between them: bytes `[start, start + bytes)` of the content. */
export interface TextStretch {
  /** Of the content: of a gzip file, of what is packed in it. */
  readonly start: number;
  readonly bytes: number;
  /** Records that begin in it. */
  readonly rows: number;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** CRC-32 of its bytes, as they were when the job was planned. */
  readonly crc32: number;
}

/**
 * Where the rows of a text file lie, found by reading all of it once: a text file has no footer that would
 * say so. In a lease it covers the rows of the lease, not all of the file's.
 */
export interface TextIndex {
  readonly form: TextForm;
  readonly isGzip: boolean;
  /** The file's row that the first stretch begins with. */
  readonly firstRow: number;
  readonly stretches: readonly TextStretch[];
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
   * sha256 over the footer's bytes: changes when any row group's place, size or statistics change. Of a text
   * file: over its index.
   */
  readonly footerSha256: Digest;
  /** Of a file in one of `TEXT_FORMATS`. */
  readonly text?: TextIndex;
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
