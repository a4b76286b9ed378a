import {
  DateDay,
  Field,
  Float64,
  Int64,
  List,
  Table,
  TimestampMicrosecond,
  vectorFromArray,
} from "apache-arrow";
import { expect, it } from "vitest";
import { rowsAsJson } from "../../../../extensions/serve/queue/row-json.ts";

it("rows are written as JSON without loss of values", () => {
  const [batch] = new Table({
    id: vectorFromArray([1n, 9007199254740993n, null], new Int64()),
    score: vectorFromArray([0.5, Number.NaN, Number.POSITIVE_INFINITY], new Float64()),
    day: vectorFromArray([new Date("2026-11-28"), null, null], new DateDay()),
    at: vectorFromArray([new Date("2026-11-28T01:30:00.123Z"), null, null], new TimestampMicrosecond()),
    list: vectorFromArray([[1n, 2n], [], null], new List(new Field("item", new Int64(), true))),
    text: vectorFromArray(['a "b"', "ü", null]),
  }).batches;
  if (batch === undefined) throw new Error("the table has no rows");
  expect([...rowsAsJson(batch)].map((json) => JSON.parse(json))).toEqual([
    { id: 1, score: 0.5, day: "2026-11-28", at: "2026-11-28T01:30:00.123Z", list: [1, 2], text: 'a "b"' },
    { id: "9007199254740993", score: "NaN", day: null, at: null, list: [], text: "ü" },
    { id: null, score: "Infinity", day: null, at: null, list: null, text: null },
  ]);
});
