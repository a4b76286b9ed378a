import { expect, test } from "vitest";
import {
  ROW_COUNT_NAMES,
  ROW_COUNTS,
  type RowCounts,
  RUN_COUNTS,
  rowCountsFault,
  SHOWN_COUNTS,
} from "../../../../shared/domain/row-counts.ts";
import { rowCounts } from "../../../support/builders.ts";

const COUNTS = rowCounts(10, {
  rowsMapped: 6,
  rowsFiltered: 3,
  rowsDeadLettered: 1,
  rowsOut: 8,
  rowsTruncated: 6,
});

test("rows are mapped, filtered or dead-lettered, and a mapped row has at least one output row", () => {
  expect(rowCountsFault(COUNTS, 10)).toBeNull();
  expect(
    rowCountsFault({ ...COUNTS, rowsMapped: 0, rowsFiltered: 9, rowsTruncated: 0, rowsOut: 0 }, 10),
  ).toBeNull();
});

test.each<[string, Partial<RowCounts>]>([
  ["a row too many", { rowsFiltered: 4 }],
  ["a row too few", { rowsDeadLettered: 0 }],
  ["the number of rows of another shard", { rowsIn: 11, rowsMapped: 7 }],
  ["a mapped row without an output row", { rowsOut: 5 }],
  ["output rows without mapped rows", { rowsMapped: 0, rowsFiltered: 9, rowsTruncated: 0, rowsOut: 1 }],
  ["a negative count", { rowsFiltered: -1, rowsMapped: 10 }],
  ["a truncated row that is not mapped", { rowsTruncated: 7 }],
  ["a filled row that is not mapped", { rowsFilled: 7 }],
  ["a fraction of a row", { rowsFiltered: 2.5, rowsMapped: 6.5 }],
])("%s is a fault", (_, changes) => {
  expect(rowCountsFault({ ...COUNTS, ...changes }, 10)).not.toBeNull();
});

test("the names of existing counts are unchanged, and new counts come after them", () => {
  const first = [
    "rowsIn",
    "rowsMapped",
    "rowsFiltered",
    "rowsDeadLettered",
    "rowsOut",
    "rowsTruncated",
    "rowsFilled",
  ];
  expect(ROW_COUNT_NAMES.slice(0, first.length)).toEqual(first);
  const names = RUN_COUNTS.map((name) => [name, ROW_COUNTS[name].run.total, ROW_COUNTS[name].run.manifest]);
  expect(names.slice(0, 4)).toEqual([
    ["rowsFiltered", "filteredRows", "filtered"],
    ["rowsOut", "rowsOut", "output"],
    ["rowsTruncated", "truncatedRows", "truncated"],
    ["rowsFilled", "filledRows", "filled"],
  ]);
  expect(SHOWN_COUNTS.slice(0, 3)).toEqual(["rowsFiltered", "rowsTruncated", "rowsFilled"]);
});
