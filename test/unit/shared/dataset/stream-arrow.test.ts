import { Table } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { encodeArrow } from "../../../../shared/dataset/encode.ts";
import { streamArrow } from "../../../../shared/dataset/stream-arrow.ts";
import { everyType, smallTable } from "../../../support/sample-table.ts";

/** Rows of a record batch in the file. */
const BATCH_ROWS = 65_536;
const ROWS = 2 * BATCH_ROWS + 77;

async function piecesOf(table: Table): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of streamArrow(table)) pieces.push(piece);
  return pieces;
}

/** Returns the table in pieces whose ends match no record batch. */
function inPieces(table: Table): Table {
  const starts = [0, 1, 70_001, BATCH_ROWS * 2];
  return new Table(
    table.schema,
    starts.flatMap((start, at) => table.slice(start, starts[at + 1]).batches),
  );
}

describe("a table that is encoded record batch by record batch", () => {
  const table = everyType(ROWS);
  const plain = table.schema.fields.map(({ name }) => name).filter((name) => name !== "dictionary");

  it("the file equals one that is encoded at once, for every type and whatever pieces the rows are in", async () => {
    const columns = table.select(plain);
    const whole = encodeArrow(columns);
    for (const given of [columns, inPieces(columns)])
      expect(Buffer.compare(Buffer.concat(await piecesOf(given)), whole)).toBe(0);
  });

  it("the file comes in one piece for each record batch and one for the footer", async () => {
    const pieces = await piecesOf(smallTable(ROWS));
    expect(pieces).toHaveLength(4);
    expect(Buffer.concat(pieces).subarray(0, 6).toString()).toBe("ARROW1");
    expect(
      Buffer.from(pieces[3] ?? [])
        .subarray(-6)
        .toString(),
    ).toBe("ARROW1");
  });

  it("the file equals one that is encoded at once with a dictionary, few rows or no rows", async () => {
    for (const given of [table.select(["dictionary"]), smallTable(5), smallTable(0)])
      expect(Buffer.compare(Buffer.concat(await piecesOf(given)), encodeArrow(given))).toBe(0);
  });

  it("a record batch does not contain the validity bits of other record batches", async () => {
    const floats = table.select(["float32"]);
    const least = ROWS * (4 + 1 / 8);
    expect(encodeArrow(floats).length).toBeLessThan(least + 2_000);
  });
});
