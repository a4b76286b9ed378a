import { Field, FixedSizeList, Float32, List } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { InputChunk } from "../../../../worker/tensorize/input-chunk.ts";
import { aBinding, batchOf, column } from "../../../support/shard-inputs.ts";
import { listColumn } from "../../../support/uneven-model.ts";

const item = (type: Float32 | FixedSizeList | List) => new Field("item", type, true);
const padded = { kind: "padded", pad: 0, sequence: 0 } as const;
const second = aBinding({ tensor: "y", source: { kind: "one", column: "d" }, rowShape: padded });
const mask = aBinding({ tensor: "m", source: { kind: "mask", of: "x" }, rowShape: padded });

/** Returns the positions of the rows, and the reasons of failed rows. */
function look(chunk: InputChunk) {
  return {
    positions: [...(chunk.positions?.counts[0] ?? [])],
    dead: chunk.deadLetters().map(([row, { code, message }]) => [row, code, message]),
  };
}

test("a chunk without inputs of variable length has no positions", () => {
  expect(new InputChunk(batchOf({ c: column([1, 2], new Float32()) }), 0, [aBinding()]).positions).toBeNull();
});

describe("the positions of a row", () => {
  test("are counted as the values of its list divided by the values of one position", () => {
    const c = listColumn([[1, 2, 3, 4], [], [5, 6]]);
    expect(look(new InputChunk(batchOf({ c }), 0, [aBinding({ rowShape: padded }), mask]))).toEqual({
      positions: [4, 0, 2],
      dead: [],
    });
    const pairs = aBinding({ rowDims: [2], rowValues: 2, rowShape: padded });
    expect(look(new InputChunk(batchOf({ c }), 0, [pairs])).positions).toEqual([2, 0, 1]);
  });

  test("are counted from the first row of a slice, also for nested lists", () => {
    const type = new List(item(new FixedSizeList(2, item(new Float32()))));
    const c = column(
      [
        [[1, 2]],
        [
          [1, 2],
          [3, 4],
          [5, 6],
        ],
        [],
        [[7, 8]],
      ],
      type,
    );
    const pairs = aBinding({ rowDims: [2], rowValues: 2, rowShape: padded });
    expect(look(new InputChunk(batchOf({ c }).slice(1, 4), 0, [pairs])).positions).toEqual([3, 0, 1]);
  });
});

describe("rows with invalid inputs", () => {
  test("a row fails with ROW_LENGTH when its inputs differ in length", () => {
    const batch = batchOf({ c: listColumn([[1, 2], [3], [4, 5]]), d: listColumn([[1, 2], [3, 4], [5]]) });
    expect(look(new InputChunk(batch, 0, [aBinding({ rowShape: padded }), second]))).toEqual({
      positions: [2, 0, 0],
      dead: [
        [1, "ROW_LENGTH", "column `d` has the wrong length: expected 1 positions as in `c`, found 2"],
        [2, "ROW_LENGTH", "column `d` has the wrong length: expected 2 positions as in `c`, found 1"],
      ],
    });
  });

  test("a row fails with ROW_LENGTH when a position is incomplete or nested lists differ in length", () => {
    const pairs = aBinding({ rowDims: [2], rowValues: 2, rowShape: padded });
    expect(
      look(
        new InputChunk(
          batchOf({
            c: listColumn([
              [1, 2],
              [3, 4, 5],
            ]),
          }),
          0,
          [pairs],
        ),
      ),
    ).toEqual({
      positions: [1, 0],
      dead: [[1, "ROW_LENGTH", "column `c` has the wrong length: expected a multiple of 2, found 3"]],
    });
    const nested = column([[[1, 2], [3]], [[1, 2]]], new List(item(new List(item(new Float32())))));
    expect(look(new InputChunk(batchOf({ c: nested }), 0, [pairs])).dead).toEqual([
      [0, "ROW_LENGTH", "column `c` holds lists of different lengths"],
    ]);
  });

  test("a null row fails with ROW_NULL even with a fill, which only replaces nulls inside a list", () => {
    const c = column([[1, null], null, [3]], new List(item(new Float32())));
    const filled = aBinding({ rowShape: padded, fill: 9 });
    expect(look(new InputChunk(batchOf({ c }), 0, [filled]))).toEqual({
      positions: [2, 0, 1],
      dead: [[1, "ROW_NULL", "column `c` is null, and a fill cannot replace a list of unknown length"]],
    });
    expect(look(new InputChunk(batchOf({ c }), 0, [aBinding({ rowShape: padded })])).dead).toEqual([
      [0, "ROW_NULL", "column `c` holds a null, and there is no fill for it"],
      [1, "ROW_NULL", "column `c` is null, and there is no fill for it"],
    ]);
  });

  test("an empty row fails with ROW_LENGTH when its input is unpadded", () => {
    const c = listColumn([[1], [], [2]]);
    expect(
      look(new InputChunk(batchOf({ c }), 0, [aBinding({ rowShape: { kind: "unpadded", sequence: 0 } })]))
        .dead,
    ).toEqual([[1, "ROW_LENGTH", "column `c` is empty, and there is no padding"]]);
  });

  test("a row fails with ROW_VALUE when a value does not fit its dtype", () => {
    const bytes = aBinding({ dtype: "uint8", rowShape: padded });
    expect(look(new InputChunk(batchOf({ c: listColumn([[1], [2, 300]]) }), 0, [bytes])).dead).toEqual([
      [1, "ROW_VALUE", "column `c` holds 300, which does not fit uint8"],
    ]);
  });
});

test("inputs of two sequences may differ in length, and each sequence has its own padding", () => {
  const batch = batchOf({ c: listColumn([[1, 2], [3], []]), d: listColumn([[1], [3, 4, 5], []]) });
  const other = { ...second, rowShape: { kind: "unpadded", sequence: 1 } } as const;
  const chunk = new InputChunk(batch, 0, [aBinding({ rowShape: padded }), other]);
  expect(chunk.positions?.counts.map((counts) => [...counts])).toEqual([
    [2, 1, 0],
    [1, 3, 0],
  ]);
  expect(look(chunk).dead).toEqual([[2, "ROW_LENGTH", "column `d` is empty, and there is no padding"]]);
  expect(chunk.positions?.lengthsOf([65, 65])).toEqual([66, 65]);
});

describe("pairs of positions", () => {
  const rowShape = { kind: "pairs", pad: 0, sequence: 0, before: 0 } as const;
  const pairs = aBinding({ tensor: "y", source: { kind: "one", column: "d" }, rowShape });

  test("a list of pairs has the positions of its root, and rows that fit no pairs fail", () => {
    const d = listColumn([[1, 2, 3, 4], [5], [], [1, 2]]);
    expect(look(new InputChunk(batchOf({ d }), 0, [pairs]))).toEqual({
      positions: [2, 1, 0, 0],
      dead: [
        [
          3,
          "ROW_LENGTH",
          "column `d` has the wrong length: expected a value for each pair of positions, found 2",
        ],
      ],
    });
  });

  test("a row fails when its pairs are not those of its positions", () => {
    const batch = batchOf({
      c: listColumn([
        [1, 2],
        [3, 3],
      ]),
      d: listColumn([
        [1, 2, 3, 4],
        [1, 2, 3],
      ]),
    });
    const message = "column `d` has the wrong length: expected 2 x 2 positions as in `c`, found 3 values";
    expect(look(new InputChunk(batch, 0, [pairs, aBinding({ rowShape: padded })]))).toEqual({
      positions: [2, 0],
      dead: [[1, "ROW_LENGTH", message]],
    });
  });
});
