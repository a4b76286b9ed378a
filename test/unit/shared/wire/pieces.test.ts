import { expect, test } from "vitest";
import { encodeBytesFields, piecesIn } from "../../../../shared/wire/pieces.ts";

test("large pieces are sent as they are in memory, and small ones are joined", () => {
  const [large, small] = [new Uint8Array(5_000), new Uint8Array(10)];
  const pieces = encodeBytesFields([{ id: 1, value: [small, small, large, small, large, small, small] }]);
  const framed = pieces.framed();
  expect(framed.map((piece) => piece === large)).toEqual([false, true, false, true, false]);
  expect(framed.map(({ length }) => length)).toEqual([5 + 3 + 20, 5_000, 10, 5_000, 20]);
});

test("empty pieces are skipped", () => {
  const [large, empty] = [new Uint8Array(5_000), new Uint8Array()];
  const framed = encodeBytesFields([{ id: 1, value: [empty, large, empty] }]).framed();
  expect(framed.map(({ length }) => length)).toEqual([5 + 3, 5_000]);
});

test("another message has no pieces", () => {
  expect([piecesIn({ pieces: [] }), piecesIn({}), piecesIn(null)]).toEqual([null, null, null]);
});
