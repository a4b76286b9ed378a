import type { RowGroupStatistics } from "./column-statistics.ts";
import type { Field, FieldType, PartitionType, PartitionValue } from "./dataset.ts";

/** Use of folders named `name=value`. */
export type Partitions =
  /**
   * `why`: reason why folders that could be columns are not. Null: there are none, or the job disables them.
   */
  | { readonly kind: "none"; readonly why: string | null }
  | { readonly kind: "hive"; readonly fields: readonly Field[] };

const FIELD_TYPES = {
  int64: { kind: "numeric", type: "int64" },
  date: { kind: "date", unit: "day" },
  string: { kind: "string" },
} as const satisfies Record<PartitionType, FieldType>;

/**
 * Returns the field of a folder's column. It is always nullable, so its type does not depend on the files.
 */
export function partitionField({ name, type }: Omit<PartitionValue, "value">): Field {
  return { name, type: FIELD_TYPES[type], nullable: true };
}

/** Folder name for a null value in Hive and compatible writers. */
export const NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__";

const DAY_MS = 86_400_000;

/**
 * Returns the days from 1970 to a date such as `2024-02-29`. Null: the text is not a valid date of this form.
 */
export function dayOf(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const ms = Date.parse(`${text}T00:00:00Z`);
  const isDay = Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
  return isDay ? ms / DAY_MS : null;
}

/** Returns the statistics of a row group of `rows` rows for its partition columns. */
export function partitionStatistics(partitions: readonly PartitionValue[], rows: number): RowGroupStatistics {
  return Object.fromEntries(
    partitions.map((partition) => {
      const bound = boundOf(partition);
      return [partition.name, { least: bound, greatest: bound, nulls: bound === null ? rows : 0 }];
    }),
  );
}

function boundOf({ type, value }: PartitionValue): string | null {
  if (value === null) return null;
  if (type === "date") return String(dayOf(value));
  return type === "string" ? Buffer.from(value).toString("latin1") : value;
}

const INT64 = { least: -(2n ** 63n), greatest: 2n ** 63n - 1n };

/** Checks whether a text is a 64-bit integer in canonical form, so not `007` or `+7`. */
export function isInt64(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  const value = BigInt(text);
  return value >= INT64.least && value <= INT64.greatest;
}

/** Checks whether a value is valid for its type. */
export function isPartitionValue({ type, value }: Omit<PartitionValue, "name">): boolean {
  if (value === null || type === "string") return true;
  return type === "int64" ? isInt64(value) : dayOf(value) !== null;
}
