import { type Data, Field, FixedSizeList, Float32, Int64, List, makeData } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { openCells } from "../../../../worker/tensorize/cells.ts";
import { leafOfBytes } from "../../../../worker/tensorize/leaf.ts";

const numbers = () => makeData({ type: new Float32(), data: Float32Array.of(1, 2, 3, 4) });
const longs = () => makeData({ type: new Int64(), data: BigInt64Array.of(1n, 2n, 3n, 4n) });

const COLUMNS: Readonly<Record<string, (child: Data) => Data>> = {
  scalar: (child) => child,
  list: (child) =>
    makeData({
      type: new List(new Field("item", child.type, true)),
      valueOffsets: Int32Array.of(0, 2, 4),
      child,
      length: 2,
    }),
  "fixed-size list": (child) =>
    makeData({ type: new FixedSizeList(2, new Field("item", child.type, true)), child, length: 2 }),
};

/** Returns the memory that a column's values are read from. */
function memoryOf(data: Data): ArrayBufferLike | null {
  const { leaf } = openCells(data);
  if (leaf.kind === "numbers") return leaf.values.buffer;
  return leaf.kind === "wide" ? leaf.words.buffer : null;
}

describe("the values of a column", () => {
  test.each(Object.entries(COLUMNS))("the values of a %s column and its slices are not copied", (_, make) => {
    for (const child of [numbers(), longs()]) {
      const data = make(child);
      expect(memoryOf(data)).toBe(child.values.buffer);
      expect(memoryOf(data.slice(1, 1))).toBe(child.values.buffer);
    }
  });

  test("raw bytes are read in place when they are aligned, and from a copy otherwise", () => {
    const bytes = new Uint8Array(Float32Array.of(0, 0, 1.5, -2, 3).buffer);
    const aligned = leafOfBytes(bytes.subarray(8, 16), "float32");
    const moved = leafOfBytes(new Uint8Array([0, ...bytes]).subarray(9, 17), "float32");
    expect([aligned, moved]).toEqual(
      Array(2).fill({ kind: "numbers", type: "float32", values: Float32Array.of(1.5, -2) }),
    );
    expect("values" in aligned && aligned.values.buffer).toBe(bytes.buffer);
    expect("values" in moved && moved.values.buffer.byteLength).toBe(8);
  });
});
