import { Field, Float32, Int32, makeData, SparseUnion, Table } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { encodeParquet } from "../../../../shared/dataset/encode.ts";
import { streamParquet } from "../../../../shared/dataset/stream-parquet.ts";
import { lcg } from "../../../support/onnx-model.ts";
import { everyType, smallTable, tableOf } from "../../../support/sample-table.ts";

async function piecesOf(table: Table, rowGroupRows?: number): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  const options = rowGroupRows === undefined ? {} : { rowGroupRows };
  for await (const piece of streamParquet(table, options)) pieces.push(piece);
  return pieces;
}

/** Returns a column of a type that Parquet lacks. */
function unions(rows: number): Table {
  const type = new SparseUnion([0], [new Field("a", new Int32(), false)]);
  const child = makeData({ type: new Int32(), data: new Int32Array(rows) });
  return tableOf({ u: makeData({ type, length: rows, typeIds: new Int8Array(rows), children: [child] }) });
}

describe("a table that is encoded row group by row group", () => {
  const table = everyType(203);
  const inPieces = new Table(
    table.schema,
    [0, 1, 8, 77, 78, 150].flatMap((start, at, starts) => table.slice(start, starts[at + 1]).batches),
  );

  it.each([50, 64, 101, 202, 203, 1000])(
    "the file equals one that is encoded at once: %i rows in a row group",
    async (rows) => {
      const whole = encodeParquet(table, { rowGroupRows: rows });
      for (const given of [table, inPieces]) {
        expect(Buffer.compare(Buffer.concat(await piecesOf(given, rows)), whole)).toBe(0);
      }
    },
  );

  it("the file comes in pieces as row groups end, and without rows in one piece", async () => {
    const random = lcg(3);
    const values = Float32Array.from({ length: 60_000 }, random);
    const floats = tableOf({ x: makeData({ type: new Float32(), data: values }) });
    const pieces = await piecesOf(floats, 20_000);
    expect(pieces.length).toBeGreaterThanOrEqual(3);
    expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(values.byteLength / 2);
    expect(await piecesOf(table.slice(0, 0))).toEqual([encodeParquet(table.slice(0, 0))]);
  });

  it("stopping an encoding halfway does not affect the next one", async () => {
    for await (const piece of streamParquet(smallTable(100), { rowGroupRows: 10 })) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    const next = Buffer.concat(await piecesOf(smallTable(100), 10));
    expect(Buffer.compare(next, encodeParquet(smallTable(100), { rowGroupRows: 10 }))).toBe(0);
  });

  it("a type that Parquet lacks is refused, in one row group and in many", async () => {
    for (const rows of [100, 10])
      await expect(piecesOf(unions(100), rows)).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
  });
});
