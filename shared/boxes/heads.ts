import type { Candidates } from "./suppress.ts";

/**
 * Layouts of a detector's output.
 *
 * | head | a row of the tensor | box | score |
 * |---|---|---|---|
 * | `yolov5` | `[anchors, 5 + classes]` | centre and size in pixels | object times class |
 * | `yolov8` | `[4 + classes, anchors]` | centre and size in pixels | class |
 * | `yolox` | `[anchors, 5 + classes]` | cells and logarithms, by stride | object times class |
 * | `nms` | `[boxes, 6]` | corners in pixels | score, then class |
 */
export const HEADS = ["yolov5", "yolov8", "yolox", "nms"] as const;
export type Head = (typeof HEADS)[number];

/** Values of a box in front of the scores of its classes. */
export const BOX_VALUES = { yolov5: 5, yolov8: 4, yolox: 5, nms: 5 } as const satisfies Record<Head, number>;

interface HeadLayout {
  readonly head: Head;
  /** Values of a box. */
  readonly values: number;
  /** The values of all boxes are together: `[values, anchors]`. */
  readonly valuesFirst: boolean;
  /** Size of the model's input in pixels. Only `yolox` needs it. */
  readonly width: number;
  readonly height: number;
}

/** A row of a head's tensor. */
interface HeadRow {
  readonly data: Readonly<Record<number, number>>;
  /** Index of its first value. */
  readonly start: number;
  readonly anchors: number;
}

/** Strides of YOLOX: each cell of a grid is so many pixels wide. */
const YOLOX_STRIDES: readonly number[] = [8, 16, 32];

/**
 * Returns a reader of a row's candidates: each anchor with its likeliest class, if its score passes
 * `threshold`. Coordinates are pixels of the model's input. A score that is not a number never passes.
 */
export function candidateReader(layout: HeadLayout, threshold: number): (row: HeadRow) => Candidates {
  const { head, values, valuesFirst } = layout;
  const lowest = Math.fround(threshold);
  const grid = head === "yolox" ? yoloxGrid(layout) : null;
  let room = roomFor(0);
  return (row) => {
    const { data, start, anchors } = row;
    if (anchors > room.scores.length) room = roomFor(anchors);
    const { corners, scores, classes } = room;
    if (head !== "nms") findClasses(row, layout, room);
    let count = 0;
    for (let anchor = 0; anchor < anchors; anchor += 1) {
      const at = (value: number) =>
        data[start + (valuesFirst ? value * anchors + anchor : anchor * values + value)] ?? 0;
      const object = head === "yolov5" || head === "yolox" ? at(4) : 1;
      // YOLOv5 compares the object's score, too.
      if (head === "yolov5" && !(object > lowest)) continue;
      const score = Math.fround(head === "nms" ? at(4) : object * (scores[anchor] ?? 0));
      // YOLOX also keeps a score that equals the threshold.
      if (!(score > lowest) && !(head === "yolox" && score === lowest)) continue;
      corners.set(cornersOf(head, grid, anchor, at), 4 * count);
      // The arrays are filled from the left, behind the anchor that is read.
      scores[count] = score;
      classes[count] = head === "nms" ? at(5) : (classes[anchor] ?? 0);
      count += 1;
    }
    return { ...room, count };
  };
}

type Room = Omit<Candidates, "count">;

function roomFor(anchors: number): Room {
  return {
    corners: new Float32Array(4 * anchors),
    scores: new Float32Array(anchors),
    classes: new Int32Array(anchors),
  };
}

/** Writes the likeliest class of each anchor and its score. NaN counts as greater than any number. */
function findClasses({ data, start, anchors }: HeadRow, layout: HeadLayout, { scores, classes }: Room): void {
  const { head, values, valuesFirst } = layout;
  const first = BOX_VALUES[head];
  const count = values - first;
  // Adjacent values are read one after another: of all anchors, or of all classes.
  const [outer, inner] = valuesFirst ? [count, anchors] : [anchors, count];
  const from = start + (valuesFirst ? first * anchors : first);
  const step = valuesFirst ? anchors : values;
  for (let line = 0; line < outer; line += 1) {
    for (let place = 0; place < inner; place += 1) {
      const [anchor, own] = valuesFirst ? [place, line] : [line, place];
      const score = data[from + line * step + place] ?? 0;
      if (own > 0 && !(score > (scores[anchor] ?? 0)) && !Number.isNaN(score)) continue;
      scores[anchor] = score;
      classes[anchor] = own;
    }
  }
}

/** Returns the corners of an anchor's box. */
function cornersOf(
  head: Head,
  grid: Float64Array | null,
  anchor: number,
  at: (value: number) => number,
): readonly number[] {
  if (head === "nms") return [at(0), at(1), at(2), at(3)];
  const [x = 0, y = 0, w = 0, h = 0] =
    grid === null ? [at(0), at(1), at(2), at(3)] : cellBox(grid, anchor, at);
  return [x - w / 2, y - h / 2, x + w / 2, y + h / 2];
}

/** Returns column, line and stride of each anchor: all cells of one stride, line by line. */
function yoloxGrid({ width, height }: HeadLayout): Float64Array {
  const cells = YOLOX_STRIDES.flatMap((stride) => {
    const [columns, lines] = [Math.floor(width / stride), Math.floor(height / stride)];
    return Array.from({ length: columns * lines }, (_, cell) => [
      cell % columns,
      Math.floor(cell / columns),
      stride,
    ]);
  });
  return Float64Array.from(cells.flat());
}

function cellBox(grid: Float64Array, anchor: number, at: (value: number) => number): readonly number[] {
  const [column = 0, line = 0, stride = 0] = grid.subarray(3 * anchor, 3 * anchor + 3);
  return [
    Math.fround((at(0) + column) * stride),
    Math.fround((at(1) + line) * stride),
    Math.fround(Math.exp(at(2)) * stride),
    Math.fround(Math.exp(at(3)) * stride),
  ];
}
