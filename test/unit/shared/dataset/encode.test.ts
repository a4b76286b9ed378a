import { Table } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { encodeArrow, encodeParquet } from "../../../../shared/dataset/encode.ts";
import { fieldsOf } from "../../../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { readRows } from "../../../support/read-rows.ts";
import { everyType, plainRows, smallTable } from "../../../support/sample-table.ts";

const ENCODERS = { parquet: encodeParquet, arrow: encodeArrow } as const;

async function roundTrip(table: Table, format: "parquet" | "arrow"): Promise<Table> {
  using file = await openDatasetFile(memorySource(ENCODERS[format](table)), format);
  return readRows(file);
}

describe.each(["parquet", "arrow"] as const)("rows written as %s", (format) => {
  const table = everyType(203);

  it.each(table.schema.fields.map(({ name }) => name))("keep the values and nulls of %s", async (name) => {
    const column = table.select([name]);
    const read = await roundTrip(column, format);
    expect(plainRows(read)).toEqual(plainRows(column));
    expect(fieldsOf(read.schema)).toEqual(fieldsOf(column.schema));
  });

  it("give the same bytes, in whatever pieces they came", () => {
    const pieces = [0, 1, 8, 77, 78, 150, 203].flatMap((end, index, ends) =>
      index === 0 ? [] : table.slice(ends[index - 1], end).batches,
    );
    const inPieces = new Table(table.schema, pieces);
    expect(inPieces.batches.length).toBe(6);
    const bytes = ENCODERS[format](table);
    expect(Buffer.compare(ENCODERS[format](inPieces), bytes)).toBe(0);
    expect(Buffer.compare(ENCODERS[format](table), bytes)).toBe(0);
  });

  it("keep their schema when there are none", async () => {
    const read = await openDatasetFile(memorySource(ENCODERS[format](table.slice(0, 0))), format);
    expect(read.rows).toBe(0);
    expect(fieldsOf(read.schema)).toEqual(fieldsOf(table.schema));
    read[Symbol.dispose]();
  });
});

it("Parquet row groups hold the rows that were asked for", async () => {
  using file = await openDatasetFile(
    memorySource(encodeParquet(smallTable(250), { rowGroupRows: 100 })),
    "parquet",
  );
  expect(file.rowGroups.map(({ rows }) => rows)).toEqual([100, 100, 50]);
});
