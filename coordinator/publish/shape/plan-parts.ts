/**
 * `part-00042`: five digits are enough for readers that sort names; more parts get more digits, all the same.
 */
const PART_DIGITS = 5;

/** `part-00007.parquet`, where there are `count` parts. */
export function partName(index: number, count: number, extension: string): string {
  const digits = Math.max(PART_DIGITS, String(count - 1).length);
  return `part-${String(index).padStart(digits, "0")}.${extension}`;
}

/** When a part is full; null: never by that. */
export interface PartLimits {
  readonly rows: number | null;
  /** By what its rows took in the partials. A part has one row at least. */
  readonly bytes: number | null;
}

/** Rows that follow each other, and come from one file. */
export interface RowStretch {
  readonly source: number;
  readonly rows: number;
  /** What a row of that file takes in it, on average. */
  readonly rowBytes: number;
}

/** Rows `[rowStart, rowEnd)` of what a stretch's source has here. */
export interface PartRange {
  readonly source: number;
  readonly rowStart: number;
  readonly rowEnd: number;
}

/**
 * Puts rows into parts, in their order, each as long as the limits let it be. By what manifests say, and
 * nothing else: the same partials give the same parts. No rows are no part.
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
  for (const { source, rows: own, rowBytes } of stretches) {
    for (let at = 0; at < own; ) {
      const byRows = (limits.rows ?? Number.POSITIVE_INFINITY) - rows;
      const byBytes = Math.floor(
        ((limits.bytes ?? Number.POSITIVE_INFINITY) - bytes) / Math.max(1e-9, rowBytes),
      );
      const taken = Math.min(own - at, byRows, Math.max(byBytes, rows === 0 ? 1 : 0));
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
