import type { RowGroupStatistics } from "./column-statistics.ts";
import type { Field, FieldType, PartitionType, PartitionValue } from "./dataset.ts";

/** What became of folders that are called `name=value`. */
export type Partitions =
  /** `why`: for those that could be columns and are not; null where there are none, or the job wants none. */
  | { readonly kind: "none"; readonly why: string | null }
  | { readonly kind: "hive"; readonly fields: readonly Field[] };

const FIELD_TYPES = {
  int64: { kind: "numeric", type: "int64" },
  date: { kind: "date", unit: "day" },
  string: { kind: "string" },
} as const satisfies Record<PartitionType, FieldType>;

/** Nullable always: which files are there must not change what the column is. */
export function partitionField({ name, type }: Omit<PartitionValue, "value">): Field {
  return { name, type: FIELD_TYPES[type], nullable: true };
}

/** What Hive, and whoever writes as it does, calls the folder of rows whose value is null. */
export const NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__";

const DAY_MS = 86_400_000;

/** Days since 1970 of `2024-02-29`; null for what is no day of the calendar, written so. */
export function dayOf(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const ms = Date.parse(`${text}T00:00:00Z`);
  const isDay = Number.isFinite(ms) && new Date(ms).toISOString().startsWith(text);
  return isDay ? ms / DAY_MS : null;
}

/** What the values say of a row group of so many rows. */
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

/** Whether a text is a whole number as a program writes it (no `007`, no `+7`), of 64 bits. */
export function isInt64(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  const value = BigInt(text);
  return value >= INT64.least && value <= INT64.greatest;
}

/** Whether the value is one of its type. */
export function isPartitionValue({ type, value }: Omit<PartitionValue, "name">): boolean {
  if (value === null || type === "string") return true;
  return type === "int64" ? isInt64(value) : dayOf(value) !== null;
}
