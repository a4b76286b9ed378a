import { expect } from "vitest";
import {
  endingOf,
  ROWS_ENDINGS,
  ROWS_FORMATS,
  textFormOf,
} from "../../../../shared/domain/output-formats.ts";
import { isPartialFileName, partialShape } from "../../../../shared/domain/partial-layout.ts";
import { needs } from "../../../support/needs.ts";

needs("csv-json")(
  "each ending of text gives back its format and compression, and names files of partials",
  () => {
    expect(ROWS_FORMATS).toEqual(["parquet", "arrow", "csv", "jsonl", "none"]);
    expect(ROWS_ENDINGS).toHaveLength(2 + 6 + 1);
    for (const rows of ["csv", "jsonl"])
      for (const packing of ["none", "gzip", "zstd"] as const) {
        const ending = endingOf(rows, packing);
        expect(textFormOf(ending)).toMatchObject({ format: { name: rows }, packing, ending });
        expect(isPartialFileName(`rows.${ending}`)).toBe(true);
      }
    expect(endingOf("parquet", "gzip")).toBe("parquet");
    expect(textFormOf("parquet")).toBeNull();
    expect(isPartialFileName("rows.csv.bz2")).toBe(false);
  },
);

needs("csv-json")("workers write text, except where the coordinator shapes the rows", () => {
  const formatOf = (shape: object) =>
    partialShape({ output: { path: "/out", rows: "csv", compression: "gzip", ...shape }, reduce: {} })
      .rowsFormat;
  expect(formatOf({})).toBe("csv.gz");
  expect(formatOf({ sort: [{ column: "id", order: "ascending" }] })).toBe("csv.gz");
  expect(formatOf({ fileRows: 5 })).toBe("parquet");
  expect(formatOf({ partitionBy: ["day"] })).toBe("parquet");
});
