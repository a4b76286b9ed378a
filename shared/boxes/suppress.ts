/** Boxes of a row in memory, by candidate. */
export interface Candidates {
  /** Corners `x1, y1, x2, y2` of each candidate. */
  readonly corners: Float32Array;
  readonly scores: Float32Array;
  readonly classes: Int32Array;
  readonly count: number;
}

interface SuppressOptions {
  /** Largest overlap of two boxes that are both kept. Null: all boxes are kept, in their order. */
  readonly maxOverlap: number | null;
  /** Boxes of different classes suppress each other. */
  readonly acrossClasses: boolean;
  /** Most boxes that are kept. */
  readonly most: number;
}

/**
 * Returns the candidates that remain after non-maximum suppression, the best first. Of equal scores, the
 * first candidate wins. All arithmetic is in float32, as in torchvision's `nms`.
 */
export function suppress(
  { corners, scores, classes, count }: Candidates,
  { maxOverlap, acrossClasses, most }: SuppressOptions,
): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  if (maxOverlap === null) return order.slice(0, most);
  order.sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const areas = Float32Array.from({ length: count }, (_, index) => areaOf(corners, 4 * index));
  const byClass = new Map<number, number[]>();
  const kept: number[] = [];
  for (const index of order) {
    if (kept.length === most) break;
    const group = acrossClasses ? 0 : (classes[index] ?? 0);
    const better = byClass.get(group) ?? [];
    if (better.some((other) => overlap(corners, areas, index, other) > maxOverlap)) continue;
    better.push(index);
    byClass.set(group, better);
    kept.push(index);
  }
  return kept;
}

/** Returns the intersection over union of two boxes. Boxes without a common area do not overlap. */
function overlap(corners: Float32Array, areas: Float32Array, a: number, b: number): number {
  const [i, j] = [4 * a, 4 * b];
  const width = commonLength(corners, i, j);
  const height = commonLength(corners, i + 1, j + 1);
  if (!(width > 0) || !(height > 0)) return 0;
  const shared = Math.fround(width * height);
  const both = Math.fround((areas[a] ?? 0) + (areas[b] ?? 0));
  return Math.fround(shared / Math.fround(both - shared));
}

/** Returns the common length of two boxes along an axis. Their first corners are at `i` and `j`. */
function commonLength(corners: Float32Array, i: number, j: number): number {
  const end = Math.min(corners[i + 2] ?? 0, corners[j + 2] ?? 0);
  return Math.fround(end - Math.max(corners[i] ?? 0, corners[j] ?? 0));
}

function areaOf(corners: Float32Array, at: number): number {
  const width = Math.fround((corners[at + 2] ?? 0) - (corners[at] ?? 0));
  return width * Math.fround((corners[at + 3] ?? 0) - (corners[at + 1] ?? 0));
}
