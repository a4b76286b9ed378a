import type { PartRange } from "../../../shared/rows/sort-part.ts";

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
interface RowStretch {
  readonly source: number;
  readonly rows: number;
  /** Average bytes of a row in that file. */
  readonly rowBytes: number;
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
