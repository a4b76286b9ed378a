import { recordOf } from "../core/record-of.ts";
import { NOTED_COUNTS } from "../domain/row-counts.ts";

type NotedCount = (typeof NOTED_COUNTS)[number];

/** Rows that steps noted, by count. Each list is in order. */
export type NotedRows = Readonly<Record<NotedCount, readonly number[]>>;

export const NO_NOTED_ROWS: NotedRows = recordOf(NOTED_COUNTS, () => []);

/** Applies `change` to each list. */
export function mapNoted(
  noted: NotedRows,
  change: (rows: readonly number[], name: NotedCount) => readonly number[],
): NotedRows {
  return recordOf(NOTED_COUNTS, (name) => change(noted[name], name));
}
