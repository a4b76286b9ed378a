import type { Location } from "./location.ts";

export const DATASET_FORMATS = ["parquet", "arrow"] as const;
export type DatasetFormat = (typeof DATASET_FORMATS)[number];

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

/** One file of the sealed dataset and what identifies its content. */
export interface InputFile {
  /** As the coordinator sees it. */
  readonly path: Location;
  readonly format: DatasetFormat;
  readonly bytes: number;
  /** As its storage tells it: another one means that the file may have changed. */
  readonly version: string;
  readonly rows: number;
  /** sha256 over the footer's bytes: changes when any row group's place, size or statistics change. */
  readonly footerSha256: string;
}

export interface RowGroup {
  readonly rows: number;
  /** Uncompressed bytes of all columns. */
  readonly bytes: number;
}

/** The sealed input: files in order (sorted by path), one schema for all. */
export interface Dataset {
  readonly files: readonly InputFile[];
  readonly fields: readonly Field[];
  /**
   * sha256 of the files' fingerprints in order, without their paths: what "the same input" means on resume.
   */
  readonly digest: string;
}
