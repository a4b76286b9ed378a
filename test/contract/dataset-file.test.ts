import {
  type DataType,
  DateDay,
  Int64,
  type RecordBatch,
  Table,
  tableToIPC,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import { withPartitions } from "../../shared/dataset/partitioned-file.ts";
import { memorySource } from "../support/memory-source.ts";
import { readRows } from "../support/read-rows.ts";
import { only, smallTable } from "../support/sample-table.ts";
import { datasetFileContract } from "./dataset-file-contract.ts";

datasetFileContract("Parquet", {
  format: "parquet",
  encode: (table, rowGroupRows) => encodeParquet(table, { rowGroupRows }),
});
datasetFileContract("an Arrow file", {
  format: "arrow",
  encode: (table, groupRows) => tableToIPC(inBatches(table, groupRows), "file"),
});
datasetFileContract("an Arrow stream", {
  format: "arrow",
  encode: (table, groupRows) => tableToIPC(inBatches(table, groupRows), "stream"),
});

/** Columns whose values are the same in all rows, whatever their file contains. */
const FOLDERS = [
  { name: "year", type: "int64", value: "-9223372036854775808" },
  { name: "day", type: "date", value: "1969-12-31" },
  { name: "city", type: "string", value: "Zürich / €" },
  { name: "none", type: "string", value: "" },
  ...(["int64", "date", "string"] as const).map((type) => ({ name: `no ${type}`, type, value: null })),
] as const;

/** The same columns, as Arrow's own builders make them. */
const folderColumns = (rows: number) => {
  const of = (value: unknown, type: DataType) => only(vectorFromArray(Array(rows).fill(value), type));
  return {
    year: of(-(2n ** 63n), new Int64()),
    day: of(new Date("1969-12-31"), new DateDay()),
    city: of("Zürich / €", new Utf8()),
    none: of("", new Utf8()),
    "no int64": of(null, new Int64()),
    "no date": of(null, new DateDay()),
    "no string": of(null, new Utf8()),
  };
};

datasetFileContract("Parquet with partition columns", {
  format: "parquet",
  encode: (table, rowGroupRows) => {
    const own = table.schema.names.map(String).filter((name) => !FOLDERS.some((each) => each.name === name));
    return encodeParquet(table.select(own), { rowGroupRows });
  },
  open: async (source) => withPartitions(await openDatasetFile(source, "parquet", NEVER), FOLDERS),
  more: folderColumns,
});

test("partition columns are read without reading the file, and have statistics", async () => {
  const source = memorySource(encodeParquet(smallTable(70_000), { rowGroupRows: 50_000 }));
  using file = withPartitions(await openDatasetFile(source, "parquet", NEVER), FOLDERS);
  const before = source.reads.length;
  const rows = await readRows(file, { rowStart: 2, columns: ["city", "year"] });
  expect(source.reads.length).toBe(before);
  expect(rows.numRows).toBe(69_998);
  expect(rows.get(69_997)?.toJSON()).toEqual({ city: "Zürich / €", year: -(2n ** 63n) });
  const [, last] = file.statistics(fieldsOf(file.schema)) ?? [];
  expect(last).toMatchObject({
    id: { least: "50000", greatest: "69999", nulls: 0 },
    year: { least: "-9223372036854775808", greatest: "-9223372036854775808", nulls: 0 },
    day: { least: "-1", greatest: "-1", nulls: 0 },
    city: { least: Buffer.from("Zürich / €").toString("latin1"), nulls: 0 },
    "no date": { least: null, greatest: null, nulls: 20_000 },
  });
});

function inBatches(table: Table, rows: number): Table {
  const batches: RecordBatch[] = [];
  for (let start = 0; start < table.numRows; start += rows)
    batches.push(...table.slice(start, Math.min(table.numRows, start + rows)).batches);
  return new Table(table.schema, batches);
}
