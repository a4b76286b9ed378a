import { readFileSync } from "node:fs";
import { Vector } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Head } from "../../../../shared/boxes/heads.ts";
import { suppress } from "../../../../shared/boxes/suppress.ts";
import { present } from "../../../../shared/core/assert.ts";
import type { OutputBinding } from "../../../../shared/domain/map-binding.ts";
import { opRowOf, outputFields } from "../../../../shared/domain/output-fields.ts";
import { product } from "../../../../shared/domain/tensor.ts";
import { boxes } from "../../../../shared/output-ops/boxes.ts";
import { bindOp } from "../../../../shared/output-ops/op-schemas.ts";
import type { OpSpec } from "../../../../shared/output-ops/output-op.ts";
import { arrowField } from "../../../../worker/collect/arrow-fields.ts";
import { createOutputWriter } from "../../../../worker/collect/output-writer.ts";
import { anOutput } from "../../../support/shard-job.ts";

/** Boxes that other programs choose: see `make-boxes.py`. */
const REFERENCE: {
  readonly cases: readonly {
    readonly head: Head;
    readonly spec: OpSpec;
    readonly dims: readonly number[];
    readonly tensor: string;
    readonly kept: { readonly corners: string; readonly scores: string; readonly indices: readonly number[] };
  }[];
  readonly many: {
    readonly count: number;
    readonly classes: number;
    readonly seed: number;
    readonly kept: number;
    readonly scores: string;
  };
} = JSON.parse(readFileSync(new URL("../../../support/decoders/boxes.json", import.meta.url), "utf8"));

type Case = (typeof REFERENCE)["cases"][number];

function floatsOf(packed: string): readonly number[] {
  const bytes = Uint8Array.from(Buffer.from(packed, "base64"));
  return [...new Float32Array(bytes.buffer)];
}

/** Swaps the two dimensions of a row. */
function turned(values: readonly number[], [lines = 0, columns = 0]: readonly number[]): readonly number[] {
  return values.map((_, at) => values[(at % lines) * columns + Math.floor(at / lines)] ?? 0);
}

/** Returns the cells of each column that the op makes of rows. */
function columnsOf(
  spec: OpSpec,
  changes: Pick<OutputBinding, "rowDims"> & Partial<OutputBinding>,
  rows: readonly (readonly number[])[],
): Readonly<Record<string, readonly unknown[]>> {
  const output = anOutput({ rowValues: product(changes.rowDims), ...changes });
  const binding = { ...output, op: bindOp({ ...spec, op: "boxes" }, opRowOf(output)) };
  const writer = createOutputWriter(binding, rows.length);
  const fields = outputFields({ keep: [], outputs: [binding] }).map(arrowField);
  expect(writer.columns.map(({ field }) => `${field}`)).toEqual(fields.map(String));
  const all: Record<string, unknown[]> = {};
  for (const [place, row] of rows.entries()) {
    const lists = changes.open === undefined ? [] : [row.length / product(changes.rowDims)];
    const dims = [1, ...lists, ...changes.rowDims];
    const data = Float32Array.from(row).buffer;
    writer.write({ dtype: "float32", dims, data }, [{ tensorRow: 0, rows: 1, place }]);
  }
  for (const { field, take } of writer.columns.map((column) => ({
    field: column.field,
    take: column.take.bind(column),
  }))) {
    all[field.name.slice(1)] = cellsIn(new Vector([take([{ start: 0, end: rows.length }])]));
  }
  return all;
}

function cellsIn(vector: Vector): unknown[] {
  return Array.from(vector, (value: unknown) => (value instanceof Vector ? cellsIn(value) : value));
}

const LABELS = ["cat", "dog", "owl"];

/** Returns the columns of a case by the judge. Only YOLOX's exponents may differ in the last bits. */
function expectedOf({ head, kept: { corners, scores, indices } }: Case) {
  const near = (value: number) => (head === "yolox" ? expect.closeTo(value, 4) : value);
  const flat = floatsOf(corners).map(near);
  return {
    "": [indices.map((_, index) => flat.slice(4 * index, 4 * index + 4))],
    _scores: [floatsOf(scores)],
    _indices: [indices],
    _labels: [indices.map((index) => LABELS[index])],
  };
}

describe.each(REFERENCE.cases.map((one, index) => [one.head, index, one] as const))(
  "head %s, case %i",
  (head, _index, one) => {
    const spec = { ...one.spec, head, labels: LABELS };
    const values = floatsOf(one.tensor);

    test("the boxes are those of the judges", () => {
      expect(columnsOf(spec, { rowDims: one.dims }, [values])).toEqual(expectedOf(one));
    });

    test("the two dimensions may be swapped", () => {
      const rowDims = [...one.dims].reverse();
      const { labels: _, ...plain } = spec;
      const { _labels, ...expected } = expectedOf(one);
      expect(columnsOf(plain, { rowDims }, [turned(values, one.dims)])).toEqual(expected);
    });
  },
);

test("boxes that the model selects may differ in number by row", () => {
  const rows = REFERENCE.cases.filter(({ head }) => head === "nms");
  const found = columnsOf(
    { head: "nms", minScore: 0.3 },
    { rowDims: [6], open: { dims: [null], lengths: null } },
    [floatsOf(rows[0]?.tensor ?? ""), [], [1, 2, 3, 4, 0.5, 7]],
  );
  const first = expectedOf(present(rows[0], "the first case"));
  expect(found).toEqual({
    "": [...first[""], [], [[1, 2, 3, 4]]],
    _scores: [...first._scores, [], [0.5]],
    _indices: [...first._indices, [], [7]],
  });
});

test("boxes of 10,000 candidates are those of torchvision", () => {
  const { count, classes, seed, kept, scores } = REFERENCE.many;
  let state = seed;
  const next = () => {
    state = (Math.imul(1664525, state) + 1013904223) >>> 0;
    return (state >>> 8) / 2 ** 24;
  };
  const rows = new Float32Array(count * (4 + classes));
  for (let at = 0; at < count; at += 1) {
    const [x, y, w, h] = [next() * 640, next() * 640, 8 + next() * 120, 8 + next() * 120];
    rows.set([x, y, w, h], at * (4 + classes));
    const score = next();
    rows[at * (4 + classes) + 4 + Math.floor(next() * classes)] = score;
  }
  const spec = { head: "yolov8", minScore: 0, maxOverlap: 0.45, maxBoxes: 100_000 } as const;
  const found = columnsOf(spec, { rowDims: [count, 4 + classes] }, [[...rows]]);
  expect(found._scores).toEqual([floatsOf(scores)]);
  expect(found._indices?.[0]).toHaveLength(kept);
});

test.each([
  [{ head: "yolov5" }, [84, 5], "head", "[anchors, 5 + classes]"],
  [{ head: "yolov8" }, [4, 84], "head", "[4 + classes, anchors]"],
  [{ head: "yolov8" }, [2, 7, 84], "head", "[4 + classes, anchors]"],
  [{ head: "nms" }, [300, 7], "head", "[boxes, 6]"],
  [{ head: "nms", maxOverlap: 0.5 }, [300, 6], "maxOverlap", "no `maxOverlap`"],
  [{ head: "yolov8", size: [64, 64] }, [7, 84], "size", "no `size`"],
  [{ head: "yolov8" }, [84], "head", "[4 + classes, anchors]"],
  [{ head: "yolox" }, [85, 8], "size", "a size with 85 cells"],
  [{ head: "yolox", size: [64, 32] }, [84, 8], "size", "a size with 84 cells"],
  [{ head: "yolov5", labels: ["one"] }, [84, 8], "labels", "3 labels"],
] as const)("%j does not fit %j", (spec, dims, key, expected) => {
  const row = { dtype: "float32", dims, values: product(dims), perPosition: false };
  expect(boxes.problems(spec, row)).toMatchObject([{ key, expected: expect.stringContaining(expected) }]);
});

test("a size that is no square is accepted if it has the model's cells", () => {
  const row = { dtype: "float32", dims: [42, 8], values: 336, perPosition: false };
  expect(boxes.problems({ head: "yolox", size: [64, 32] }, row)).toEqual([]);
});

test("kept boxes of a class overlap by at most the limit, and every other box overlaps a better one", () => {
  const edge = fc.integer({ min: 0, max: 12 });
  const candidate = fc.record({ x: edge, y: edge, w: edge, h: edge, score: fc.nat(5), of: fc.nat(1) });
  const most = fc.constantFrom(1, 3, 300);
  fc.assert(
    fc.property(
      fc.array(candidate, { maxLength: 20 }),
      fc.constantFrom(0, 0.3, 0.5, 1),
      most,
      fc.boolean(),
      (all, iou, most, isWhole) => {
        const candidates = {
          corners: Float32Array.from(all.flatMap(({ x, y, w, h }) => [x, y, x + w, y + h])),
          scores: Float32Array.from(all, ({ score }) => score),
          classes: Int32Array.from(all, ({ of }) => of),
          count: all.length,
        };
        /** Counts cells of a grid, which is exact for whole numbers. */
        const overlap = (a: number, b: number) => {
          const cells = (index: number) => {
            const { x = 0, y = 0, w = 0, h = 0 } = all[index] ?? {};
            return Array.from(
              { length: w * h },
              (_, cell) => `${x + (cell % w)} ${y + Math.floor(cell / w)}`,
            );
          };
          const [own, others] = [new Set(cells(a)), new Set(cells(b))];
          const shared = [...own].filter((cell) => others.has(cell)).length;
          return shared === 0 ? 0 : shared / (own.size + others.size - shared);
        };
        const found = suppress(candidates, { maxOverlap: iou, acrossClasses: isWhole, most });
        expect(found.length).toBeLessThanOrEqual(most);
        const isSame = (a: number, b: number) => isWhole || all[a]?.of === all[b]?.of;
        for (const [rank, index] of found.entries()) {
          for (const better of found.slice(0, rank)) {
            expect(all[better]?.score ?? 0).toBeGreaterThanOrEqual(all[index]?.score ?? 0);
            if (isSame(better, index)) expect(overlap(better, index)).toBeLessThanOrEqual(iou);
          }
        }
        if (found.length === most) return;
        for (const index of all.keys()) {
          if (found.includes(index)) continue;
          const isCovered = (other: number) =>
            isSame(other, index) &&
            (all[other]?.score ?? 0) >= (all[index]?.score ?? 0) &&
            overlap(other, index) > iou;
          expect(found.some(isCovered)).toBe(true);
        }
      },
    ),
  );
});
