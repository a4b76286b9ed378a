import { deflateRawSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { coarser, packMap, unpackMap } from "../../../../coordinator/insight/shard-map.ts";

/** Limit of decision 112. */
const MOST_CELLS = 262_144;

const cellArbitrary = fc
  .tuple(fc.nat({ max: 4 }), fc.nat({ max: 7 }))
  .map(([kind, marks]) => kind + 8 * marks);

test("a map is packed and unpacked unchanged", () => {
  fc.assert(
    fc.property(fc.array(cellArbitrary), (cells) => {
      const map = packMap(Uint8Array.from(cells));
      expect(map.shardsPerCell).toBe(1);
      expect([...unpackMap(map)]).toEqual(cells);
    }),
  );
});

test("if several shards share a cell, the cell has the worst state and every mark", () => {
  const cells = new Uint8Array(3 * MOST_CELLS).fill(3);
  cells[1] = 0;
  cells[3] = 1 + 8;
  cells[4] = 4 + 32;
  cells[8] = 2;
  const map = packMap(cells);
  expect(map.shardsPerCell).toBe(3);
  expect([...unpackMap(map).subarray(0, 4)]).toEqual([0, 4 + 8 + 32, 2, 3]);
  expect(unpackMap(map)).toHaveLength(MOST_CELLS);
  expect(map.cells.length, "a map of mostly committed shards is small").toBeLessThan(2_000);
});

test("the last cell can cover fewer shards", () => {
  expect(coarser(Uint8Array.of(3, 3, 3, 3, 0), 2)).toEqual({ shardsPerCell: 3, cells: Uint8Array.of(3, 0) });
});

test("a damaged map, or one with more cells than the limit, is unpacked without cells", () => {
  const { cells } = packMap(new Uint8Array(1_000).fill(3));
  expect(unpackMap({ shardsPerCell: 1, cells: cells.slice(0, -4) })).toHaveLength(0);
  const unpacked = (count: number) => {
    const packed = deflateRawSync(new Uint8Array(count).fill(3)).toString("base64");
    return unpackMap({ shardsPerCell: 1, cells: packed }).length;
  };
  expect([MOST_CELLS, MOST_CELLS + 1, 64 * MOST_CELLS].map(unpacked)).toEqual([MOST_CELLS, 0, 0]);
});
