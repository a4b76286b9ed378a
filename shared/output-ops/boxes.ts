import { BOX_VALUES, candidateReader, HEADS, type Head } from "../boxes/heads.ts";
import { NO_PICTURE, putInPicture } from "../boxes/place.ts";
import { suppress } from "../boxes/suppress.ts";
import { present } from "../core/assert.ts";
import type { Zod } from "../core/zod.ts";
import { labelProblems, labelsBinding, labelsKey } from "./classes.ts";
import { type OpProblem, type OpRow, type OpSpec, type OutputOp, PLAIN_OP } from "./output-op.ts";

interface BoxesBinding {
  readonly kind: "boxes";
  readonly head: Head;
  /** Boxes of a row's tensor. Null: rows differ. */
  readonly anchors: number | null;
  /** Values of a box. */
  readonly values: number;
  /** The tensor is `[values, anchors]`. */
  readonly valuesFirst: boolean;
  /** Size of the model's input in pixels. */
  readonly width: number;
  readonly height: number;
  readonly minScore: number;
  /** Null: boxes never suppress each other. */
  readonly maxOverlap: number | null;
  readonly acrossClasses: boolean;
  readonly maxBoxes: number;
  /** Class names. Null: boxes have class indices only. */
  readonly labels: readonly string[] | null;
  /** Column of the picture's places. Null: coordinates stay those of the model's input. */
  readonly place: string | null;
}

interface BoxesSpec {
  readonly head?: Head;
  readonly size?: readonly number[];
  readonly picture?: string;
  readonly minScore?: number;
  readonly maxOverlap?: number;
  readonly acrossClasses?: boolean;
  readonly maxBoxes?: number;
  readonly labels?: readonly string[];
}

/** Defaults of Ultralytics for prediction. */
const [MIN_SCORE, MAX_OVERLAP, MAX_BOXES] = [0.25, 0.7, 300];

/** Limit of boxes in a row. A detector has fewer anchors. */
const MOST_BOXES = 100_000;

/** Square of the edge, for each anchor of the strides 8, 16 and 32: 64 * 64 pixels have 84 anchors. */
const PIXELS_PER_ANCHOR = 1024 / 21;

/**
 * Detected objects after non-maximum suppression, the best first. The model's own selection keeps its order.
 * Coordinates are pixels of the row's picture, or of the model's input.
 */
export const boxes = {
  ...PLAIN_OP,
  kind: "boxes",
  summary: "detected objects as lists: corners, `<column>_scores`, `<column>_indices` and `<column>_labels`",
  keys: boxesKeys,
  required: { head: HEADS.join(", ") },
  needs: "numbers",
  takesPositions: true,
  isRanked: true,
  schema: (z: Zod) =>
    z.object({
      kind: z.literal("boxes"),
      head: z.enum(HEADS),
      anchors: z.int().min(1).nullable(),
      values: z.int().min(1),
      valuesFirst: z.boolean(),
      width: z.int().min(1),
      height: z.int().min(1),
      minScore: z.number(),
      maxOverlap: z.number().nullable(),
      acrossClasses: z.boolean(),
      maxBoxes: z.int().min(1),
      labels: labelsBinding(z),
      place: z.string().nullable(),
    }),
  suffixes: ({ labels }: OpSpec) => ["", "_scores", "_indices", ...(labels === undefined ? [] : ["_labels"])],
  problems: boxesProblems,
  bind: (spec: BoxesSpec, row: OpRow): BoxesBinding => {
    const { head = "yolov5", picture = NO_PICTURE } = spec;
    const { anchors, values, valuesFirst } = layoutOf(spec, row);
    return {
      ...{ kind: "boxes", head, anchors, values, valuesFirst },
      ...sizeOf(spec, anchors ?? 1),
      minScore: spec.minScore ?? MIN_SCORE,
      maxOverlap: head === "nms" ? null : (spec.maxOverlap ?? MAX_OVERLAP),
      acrossClasses: spec.acrossClasses ?? false,
      maxBoxes: Math.min(anchors ?? MOST_BOXES, spec.maxBoxes ?? MAX_BOXES),
      labels: spec.labels ?? null,
      // The plan has replaced the input by the column with the places of its pictures.
      place: picture === NO_PICTURE ? null : picture,
    };
  },
  describe: ({ head, minScore, maxOverlap, place }: BoxesBinding) => {
    const limit = maxOverlap === null ? "" : `, overlap <= ${maxOverlap}`;
    return `${head} boxes, score > ${minScore}${limit}${place === null ? "" : ", in the picture"}`;
  },
  columns: ({ anchors, maxBoxes, labels }: BoxesBinding) => {
    const most = anchors === null ? 1 : maxBoxes;
    return [
      { suffix: "", type: "float32", length: 4, most },
      { suffix: "_scores", type: "float32", length: null, most },
      { suffix: "_indices", type: "int32", length: null, most },
      ...(labels === null ? [] : [{ suffix: "_labels", type: "int32", length: null, most, labels } as const]),
    ];
  },
  reads: ({ place }: BoxesBinding) => place,
  writeList: (binding: BoxesBinding, columns) => {
    const { anchors, minScore, maxBoxes: most } = binding;
    const read = candidateReader(binding, minScore);
    const corners = present(columns[0], "boxes have corners");
    const score = present(columns[1], "boxes have scores");
    const indices = columns.slice(2);
    return ({ values: data, width, length }, row, positions, place) => {
      const candidates = read({ data, start: row * width * length, anchors: anchors ?? positions });
      const kept = suppress(candidates, { ...binding, most });
      for (const [at, index] of kept.entries()) {
        corners.set(candidates.corners.subarray(4 * index, 4 * index + 4), 4 * at);
        score[at] = candidates.scores[index] ?? 0;
        for (const column of indices) column[at] = candidates.classes[index] ?? 0;
      }
      if (place.length > 0) putInPicture(corners, place, kept.length);
      return kept.length;
    };
  },
} as const satisfies OutputOp<BoxesBinding>;

function boxesKeys(z: Zod) {
  const share = z.number().min(0).max(1).exactOptional();
  const edge = z.int().min(1);
  return {
    head: z
      .enum(HEADS)
      .exactOptional()
      .describe(
        "With `op: boxes`: the layout. `yolov5`, also of YOLO 6 and 7: `[anchors, 5 + classes]`. `yolov8`, also of YOLO 9 and " +
          "11: `[4 + classes, anchors]`. `yolox`: as `yolov5`, in cells of a grid. `nms`, also of YOLO 10: `[boxes, 6]`, with " +
          "corners, score and class, which the model has selected. Either dimension may be first.",
      ),
    size: z
      .array(edge)
      .min(2)
      .max(2)
      .exactOptional()
      .describe(
        "With `head: yolox`: width and height of the model's input. Default: the square of the anchors.",
      ),
    picture: z
      .string()
      .min(1)
      .exactOptional()
      .describe(
        "With `op: boxes`: the ONNX input with the picture. Coordinates are then pixels of the row's picture, before its scaling. " +
          "`none`: pixels of the model's input. Default: the only input with `picture`, or else `none`.",
      ),
    minScore: share.describe("With `op: boxes`: boxes with a greater score are kept. Default: 0.25."),
    maxOverlap: share.describe(
      "With `op: boxes`: the largest intersection over union of two boxes of one class. Default: 0.7. `head: nms` has none.",
    ),
    acrossClasses: z
      .boolean()
      .exactOptional()
      .describe(
        "With `op: boxes`: whether `maxOverlap` applies to boxes of different classes. Default: false.",
      ),
    maxBoxes: z
      .int()
      .min(1)
      .max(MOST_BOXES)
      .exactOptional()
      .describe("With `op: boxes`: the most boxes in a row. Default: 300."),
    labels: labelsKey(z),
  };
}

function boxesProblems(spec: BoxesSpec, row: OpRow): readonly OpProblem[] {
  const { head = "yolov5", labels, maxOverlap, size } = spec;
  const { anchors, values, isTable } = layoutOf(spec, row);
  const classes = values - BOX_VALUES[head];
  if (!isTable || classes < 1 || (head === "nms" && classes !== 1)) return [noTable(head, row)];
  if (head === "nms" && maxOverlap !== undefined) return [noSuppression(maxOverlap)];
  const problems = head === "nms" ? [] : labelProblems(labels, classes);
  if (head !== "yolox") return size === undefined ? problems : [...problems, noSize(head, size)];
  const { width, height } = sizeOf(spec, anchors ?? 1);
  const isWhole = width % 32 === 0 && height % 32 === 0;
  if (isWhole && width * height * 21 === (anchors ?? 1) * 1024) return problems;
  return [...problems, noGrid(anchors ?? 1, spec)];
}

/**
 * Returns the dimensions of a row's tensor. The shorter one has the values of a box, unless only the other
 * one fits the labels.
 */
function layoutOf({ head = "yolov5", labels }: BoxesSpec, { dims, perPosition, values: all }: OpRow) {
  const [first = 1, second = 1, ...more] = dims.length > 2 ? dims.filter((dim) => dim !== 1) : dims;
  if (perPosition) {
    const isTable = dims.length === 1 && head === "nms";
    return { anchors: null, values: all, valuesFirst: false, isTable };
  }
  const known = head === "nms" ? BOX_VALUES.nms + 1 : labels && BOX_VALUES[head] + labels.length;
  const fits = (values: number, anchors: number) =>
    known === undefined ? values <= anchors : values === known;
  const isUsual = head === "yolov8";
  const [values, anchors] = isUsual ? [first, second] : [second, first];
  const isTable = dims.length > 1 && more.length === 0;
  if (fits(values, anchors) || !fits(anchors, values))
    return { anchors, values, valuesFirst: isUsual, isTable };
  return { anchors: values, values: anchors, valuesFirst: !isUsual, isTable };
}

function sizeOf({ size }: BoxesSpec, anchors: number) {
  const edge = Math.max(1, Math.round(Math.sqrt(anchors * PIXELS_PER_ANCHOR)));
  const [width = edge, height = edge] = size ?? [];
  return { width, height };
}

const SHAPES = {
  yolov5: "[anchors, 5 + classes]",
  yolov8: "[4 + classes, anchors]",
  yolox: "[anchors, 5 + classes]",
  nms: "[boxes, 6]",
} as const satisfies Record<Head, string>;

function noTable(head: Head, { dims }: OpRow): OpProblem {
  return {
    key: "head",
    what: `\`${head}\` has another shape`,
    expected: SHAPES[head],
    found: `[${dims.join(", ")}] after the batch`,
    hint: "set the `head` of this shape",
  };
}

function noSuppression(maxOverlap: number): OpProblem {
  return {
    key: "maxOverlap",
    what: "does not apply to `head: nms`, whose boxes the model has selected",
    expected: "no `maxOverlap`",
    found: String(maxOverlap),
  };
}

function noSize(head: Head, size: readonly number[]): OpProblem {
  const what = `does not apply to \`head: ${head}\`, whose boxes are in pixels`;
  return { key: "size", what, expected: "no `size`", found: size.join(" x ") };
}

function noGrid(anchors: number, spec: BoxesSpec): OpProblem {
  const { width, height } = sizeOf(spec, anchors);
  return {
    key: "size",
    what: "does not give the model's number of anchors",
    expected: `a size with ${anchors} cells of 8, 16 and 32 pixels`,
    found: `${width} x ${height}`,
  };
}
