import { type Data, Field, Float32, LargeUtf8, List, makeData, Table, Utf8 } from "apache-arrow";
import { expect, it } from "vitest";
import { combineChunks } from "../../../../shared/dataset/combine-chunks.ts";
import { cannotEncode } from "../../../../shared/dataset/encode.ts";
import { tableOf } from "../../../support/sample-table.ts";

/** Returns one value that ends at `end`, by its offsets, which are read before the bytes. */
const endingAt = (end: number): Data =>
  makeData({
    type: new Utf8(),
    length: 1,
    nullCount: 0,
    valueOffsets: Int32Array.of(0, end),
    data: new Uint8Array(),
  });

const listEndingAt = (end: number): Data =>
  makeData({
    type: new List(new Field("item", new Float32(), false)),
    length: 1,
    nullCount: 0,
    valueOffsets: Int32Array.of(0, end),
    child: makeData({ type: new Float32(), length: 0, nullCount: 0, data: new Float32Array() }),
  });

const inTwo = (part: Data): Table => {
  const { schema, batches } = tableOf({ c: part });
  return new Table(schema, [...batches, ...batches]);
};

it.each([
  ["strings", endingAt],
  ["lists", listEndingAt],
])("%s too long for 32-bit offsets are refused before the offsets overflow", (_, of) => {
  expect(() => combineChunks(inTwo(of(2 ** 30)))).toThrow(RangeError);
  expect(() => combineChunks(inTwo(of(2 ** 30 - 1)))).not.toThrow(/offset|more than/);
});

it("the error for too many bytes has a hint to change input.shardRows", () => {
  const error = cannotEncode("arrow", new RangeError("3000000000 bytes or items are more than ..."));
  expect(error).toMatchObject({ code: "OUTPUT_FAILED", hint: expect.stringContaining("input.shardRows") });
});

it("large strings have 64-bit offsets, which continue beyond 2 GiB", () => {
  const large = makeData({
    type: new LargeUtf8(),
    length: 1,
    nullCount: 0,
    valueOffsets: BigInt64Array.of(0n, 2n ** 31n),
    data: new Uint8Array(),
  });
  const [batch] = combineChunks(inTwo(large)).batches;
  expect(batch?.data.children[0]?.valueOffsets).toEqual(BigInt64Array.of(0n, 2n ** 31n, 2n ** 32n));
});
