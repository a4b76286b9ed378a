import {
  Field,
  FixedSizeList,
  Float32,
  Int64,
  makeData,
  Schema,
  Table,
  Utf8,
  vectorFromArray,
} from "apache-arrow";

export const ROWS = 1_000;
/** Row whose x is null. */
export const BAD_ROW = 321;

/** Returns rows i with id i, x = [i, i % 7], and tag `t{i % 3}` or null. x is null in one row. */
export function inputTable(): Table {
  const x = makeData({
    type: new FixedSizeList(2, new Field("item", new Float32(), true)),
    length: ROWS,
    nullBitmap: Uint8Array.from({ length: Math.ceil(ROWS / 8) }, (_, byte) =>
      byte === BAD_ROW >> 3 ? 0xff & ~(1 << (BAD_ROW & 7)) : 0xff,
    ),
    child: makeData({
      type: new Float32(),
      data: Float32Array.from({ length: ROWS * 2 }, (_, at) => (at % 2 === 0 ? at / 2 : ((at - 1) / 2) % 7)),
    }),
  });
  const ids = makeData({
    type: new Int64(),
    data: BigInt64Array.from({ length: ROWS }, (_, row) => BigInt(row)),
  });
  const tags = vectorFromArray(
    Array.from({ length: ROWS }, (_, row) => tagOf(row)),
    new Utf8(),
  );
  const schema = new Schema([
    new Field("id", new Int64(), false),
    new Field("x", x.type, true),
    new Field("tag", new Utf8(), true),
  ]);
  const [tag] = tags.data;
  if (tag === undefined) throw new Error("no tags");
  return new Table(schema, { id: ids, x, tag } as never);
}

export function tagOf(row: number): string | null {
  return row % 5 === 0 ? null : `t${row % 3}`;
}

/** Returns the expected rows of the rows files, computed independently. */
export function expectedRows(rowStart: number, rowEnd: number, without: readonly number[]) {
  return Array.from({ length: rowEnd - rowStart }, (_, index) => index + rowStart)
    .filter((row) => !without.includes(row))
    .map((row) => ({
      id: row,
      tag: tagOf(row),
      scores: [row + (row % 7), row - (row % 7) + 3],
      best: row % 7 < 2 ? "rest" : "sum",
    }));
}
