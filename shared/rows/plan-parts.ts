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

/** Bytes of the partials that one task reads, about. */
const TASK_BYTES = 32 * 1024 * 1024;

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

/** Divides parts into tasks, in order. Each but the last reads at least `taskBytes`, or is one part. */
export function divideParts(
  parts: readonly (readonly PartRange[])[],
  files: readonly Pick<RowsFile, "rows" | "bytes">[],
  taskBytes = TASK_BYTES,
): readonly { readonly from: number; readonly to: number }[] {
  const rowBytes = files.map((file, source) => stretchOf(file, source).rowBytes);
  const tasks: { from: number; to: number }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [index, ranges] of parts.entries()) {
    const own = ranges.reduce(
      (sum, { source, rowStart, rowEnd }) => sum + (rowEnd - rowStart) * (rowBytes[source] ?? 0),
      0,
    );
    const last = tasks.at(-1);
    if (last !== undefined && bytes < taskBytes) last.to = index + 1;
    else [bytes] = [0, tasks.push({ from: index, to: index + 1 })];
    bytes += own;
  }
  return tasks;
}
