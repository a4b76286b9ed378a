import { type RecordBatch, Table, tableToIPC } from "apache-arrow";
import { encodeParquet } from "../../shared/dataset/encode.ts";
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

function inBatches(table: Table, rows: number): Table {
  const batches: RecordBatch[] = [];
  for (let start = 0; start < table.numRows; start += rows)
    batches.push(...table.slice(start, Math.min(table.numRows, start + rows)).batches);
  return new Table(table.schema, batches);
}
