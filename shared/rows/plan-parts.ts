import { assertLaw } from "../domain/laws.ts";
import type { PartRange, RowsFile } from "./read-ranges.ts";

/** Digits of a part's number, for readers that sort names: `part-00042`. Larger numbers get more digits. */
const PART_DIGITS = 5;

/** Returns the name of a part among `count` parts: `part-00007.parquet`. */
export function partName(index: number, count: number, extension: string): string {
  const digits = Math.max(PART_DIGITS, String(count - 1).length);
  return `part-${String(index).padStart(digits, "0")}.${extension}`;
}

/** Limits of a part. Null: no limit. */
export interface PartLimits {
  readonly rows: number | null;
  /** Bytes that its rows take in the partials. A part has at least one row. */
  readonly bytes: number | null;
}

/** Consecutive rows from one file. */
interface RowStretch extends PartRange {
  /** Average bytes of a row in that file. */
  readonly rowBytes: number;
}

/** Returns all rows of a file, with their average bytes. */
export function stretchOf({ rows, bytes }: Pick<RowsFile, "rows" | "bytes">, source: number): RowStretch {
  return { source, rowStart: 0, rowEnd: rows, rowBytes: bytes / Math.max(1, rows) };
}

/**
 * Groups rows into parts, in their order, each as long as the limits allow. Depends only on counts from
 * manifests, so the same partials give the same parts. Zero rows give zero parts.
 */
export function planParts(stretches: readonly RowStretch[], limits: PartLimits): readonly PartRange[][] {
  const parts: PartRange[][] = [];
  let part: PartRange[] = [];
  let rows = 0;
  let bytes = 0;
  const end = () => {
    parts.push(part);
    part = [];
    rows = 0;
    bytes = 0;
  };
  for (const { source, rowStart, rowEnd, rowBytes } of stretches) {
    for (let at = rowStart; at < rowEnd; ) {
      const byRows = (limits.rows ?? Number.POSITIVE_INFINITY) - rows;
      const byBytes = Math.floor(
        ((limits.bytes ?? Number.POSITIVE_INFINITY) - bytes) / Math.max(1e-9, rowBytes),
      );
      const taken = Math.min(rowEnd - at, byRows, Math.max(byBytes, rows === 0 ? 1 : 0));
      if (taken === 0) {
        end();
        continue;
      }
      part.push({ source, rowStart: at, rowEnd: at + taken });
      rows += taken;
      bytes += taken * rowBytes;
      at += taken;
    }
  }
  if (rows > 0) end();
  return parts;
}

/** Returns the number of rows of a part. */
export function rowsOf(ranges: readonly PartRange[]): number {
  return ranges.reduce((rows, { rowStart, rowEnd }) => rows + rowEnd - rowStart, 0);
}

/** Checks the number of rows that were written of a part: law `counts-agree`. */
export function checkRows(part: number, rows: number, ranges: readonly PartRange[]): void {
  const due = rowsOf(ranges);
  assertLaw("counts-agree", rows === due, `part ${part} has ${rows} of ${due} rows`);
}

/** Limits of consecutive parts that are written together. A larger part is alone. */
export interface TaskLimits {
  readonly bytes: number;
  /** Ranges of all parts, which take memory, too, where many parts have few rows. */
  readonly ranges: number;
}

/** Groups consecutive parts, within limits. */
export function* groupParts<T extends { readonly ranges: readonly PartRange[]; readonly bytes: number }>(
  parts: Iterable<T>,
  limits: TaskLimits,
): Generator<readonly T[]> {
  let group: T[] = [];
  let [bytes, ranges] = [0, 0];
  for (const part of parts) {
    const isFull = bytes + part.bytes > limits.bytes || ranges + part.ranges.length > limits.ranges;
    if (group.length > 0 && isFull) {
      yield group;
      group = [];
      [bytes, ranges] = [0, 0];
    }
    group.push(part);
    bytes += part.bytes;
    ranges += part.ranges.length;
  }
  if (group.length > 0) yield group;
}
