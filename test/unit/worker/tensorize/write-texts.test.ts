import { type Data, Dictionary, Field, FixedSizeList, Int32, List, Utf8 } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { InputBinding } from "../../../../shared/domain/map-binding.ts";
import { unpackTexts } from "../../../../shared/domain/texts.ts";
import { buildFeeds } from "../../../../worker/batch/batch.ts";
import { BufferPool } from "../../../../worker/batch/buffer-pool.ts";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";

const item = new Field("item", new Utf8(), true);

/** Returns the texts of good rows, at least `fixedBatchRows` of them, and the failed rows. */
function fed(
  columns: Readonly<Record<string, Data>>,
  changes: Partial<InputBinding>,
  fixedBatchRows: number | null = null,
) {
  const binding = aBinding({ dtype: "string", ...changes });
  const chunk = new InputChunk(batchOf(columns), 0, [binding]);
  const pieces = chunk.liveRuns.map(({ start, end }) => ({ chunk, start, end }));
  const rows = pieces.reduce((sum, { start, end }) => sum + end - start, 0);
  const feeds = buildFeeds(
    { pieces, rows, lengths: null, length: null },
    { inputs: [binding], fixedBatchRows },
    new BufferPool(1),
  );
  const { x } = feeds;
  if (x === undefined) throw new Error("no feed");
  const count = x.dims.reduce((total, dim) => total * dim, 1);
  return { dims: x.dims, texts: unpackTexts(x.data, count), dead: chunk.deadLetters().map(([row]) => row) };
}

const words = ["東京", "", "a", null, "long enough to be no inline view"];

describe("text columns", () => {
  test.each([
    ["plain", new Utf8()],
    ["with a dictionary", new Dictionary(new Utf8(), new Int32())],
  ])("%s: a null row takes the fill, and fails when there is none", (_what, type) => {
    const c = column(words, type);
    const present = words.filter((word) => word !== null);
    expect(fed({ c }, {})).toEqual({ dims: [4], texts: present, dead: [3] });
    const filled = words.map((word) => word ?? "none");
    expect(fed({ c }, { fill: "none" })).toEqual({ dims: [5], texts: filled, dead: [] });
  });

  test("a text with a NUL character fails its row, as ONNX Runtime would cut it off there", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "\0", "é", "😀"), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(fc.option(text), { minLength: 1, maxLength: 12 }), (texts) => {
        const isDead = (each: string | null) => each?.includes("\0") === true;
        expect(fed({ c: column(texts, new Utf8()) }, { fill: "none" })).toMatchObject({
          texts: texts.filter((each) => !isDead(each)).map((each) => each ?? "none"),
          dead: texts.flatMap((each, row) => (isDead(each) ? [row] : [])),
        });
      }),
    );
    const lists = column([["a"], ["b\0"]], new List(item));
    expect(fed({ c: lists }, {}).dead).toEqual([1]);
  });

  test("stacked text columns and lists of the right length feed several texts per row", () => {
    const source = { kind: "stack" as const, columns: ["a", "b"] };
    const [a, b] = [column(["1", "2"], new Utf8()), column(["x", "y"], new Utf8())];
    const rowDims = { rowDims: [2], rowValues: 2 };
    expect(fed({ a, b }, { source, ...rowDims })).toMatchObject({
      dims: [2, 2],
      texts: ["1", "x", "2", "y"],
    });
    const lists = [["1", "x"], ["2"], ["3", null], ["4", "w"]];
    const c = column(lists, new List(item));
    expect(fed({ c }, rowDims)).toEqual({ dims: [2, 2], texts: ["1", "x", "4", "w"], dead: [1, 2] });
    const fixed = column([["1", "x"], null], new FixedSizeList(2, item));
    expect(fed({ c: fixed }, { ...rowDims, fill: "-" }).texts).toEqual(["1", "x", "-", "-"]);
  });

  test("a fixed batch is filled up with copies of its last row", () => {
    expect(fed({ c: column(["a", "b"], new Utf8()) }, {}, 4).texts).toEqual(["a", "b", "b", "b"]);
  });

  test("a constant value feeds every row, or the whole tensor of an input without rows", () => {
    const source = { kind: "value" as const, shape: [], elements: ["é"] };
    const c = column(["1", "2"], new Utf8());
    expect(fed({ c }, { source })).toMatchObject({ dims: [2], texts: ["é", "é"] });
    const whole = { source, rowShape: { kind: "none" as const }, rowDims: [3], rowValues: 3 };
    expect(fed({ c }, whole)).toMatchObject({ dims: [3], texts: ["é", "é", "é"] });
  });
});
