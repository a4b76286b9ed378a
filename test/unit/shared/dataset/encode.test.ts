import { Table, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { NEVER } from "../../../../shared/core/abort.ts";
import { encodeArrow, encodeParquet, rowsPerGroup } from "../../../../shared/dataset/encode.ts";
import { fieldsOf } from "../../../../shared/dataset/fields.ts";
import { openDatasetFile } from "../../../../shared/dataset/open-dataset-file.ts";
import { streamParquet } from "../../../../shared/dataset/stream-parquet.ts";
import { valueBytes } from "../../../../shared/dataset/value-bytes.ts";
import { memorySource } from "../../../support/memory-source.ts";
import { lcg } from "../../../support/onnx-model.ts";
import { readRows } from "../../../support/read-rows.ts";
import { everyType, only, plainRows, smallTable, tableOf } from "../../../support/sample-table.ts";

const ENCODERS = { parquet: encodeParquet, arrow: encodeArrow } as const;

async function roundTrip(table: Table, format: "parquet" | "arrow"): Promise<Table> {
  using file = await openDatasetFile(memorySource(ENCODERS[format](table)), format, NEVER);
  return readRows(file);
}

describe.each(["parquet", "arrow"] as const)("rows written as %s", (format) => {
  const table = everyType(203);

  it.each(table.schema.fields.map(({ name }) => name))(
    "the values and nulls of %s are kept",
    async (name) => {
      const column = table.select([name]);
      const read = await roundTrip(column, format);
      expect(plainRows(read)).toEqual(plainRows(column));
      expect(fieldsOf(read.schema)).toEqual(fieldsOf(column.schema));
    },
  );

  it("the bytes are the same, whatever pieces the rows are in", () => {
    const pieces = [0, 1, 8, 77, 78, 150, 203].flatMap((end, index, ends) =>
      index === 0 ? [] : table.slice(ends[index - 1], end).batches,
    );
    const inPieces = new Table(table.schema, pieces);
    expect(inPieces.batches.length).toBe(6);
    const bytes = ENCODERS[format](table);
    expect(Buffer.compare(ENCODERS[format](inPieces), bytes)).toBe(0);
    expect(Buffer.compare(ENCODERS[format](table), bytes)).toBe(0);
  });

  it("a table without rows keeps its schema", async () => {
    const read = await openDatasetFile(memorySource(ENCODERS[format](table.slice(0, 0))), format, NEVER);
    expect(read.rows).toBe(0);
    expect(fieldsOf(read.schema)).toEqual(fieldsOf(table.schema));
    read[Symbol.dispose]();
  });
});

it("Parquet row groups have the requested number of rows", async () => {
  using file = await openDatasetFile(
    memorySource(encodeParquet(smallTable(250), { rowGroupRows: 100 })),
    "parquet",
    NEVER,
  );
  expect(file.rowGroups.map(({ rows }) => rows)).toEqual([100, 100, 50]);
});

describe("values beyond the limits of one record batch or row group", () => {
  const table = everyType(203);
  const bytes = 4_000;

  it.each(table.schema.fields.map(({ name }) => name))(
    "an Arrow file of %s has more record batches with the same rows",
    async (name) => {
      const column = table.select([name]);
      const total = valueBytes(column);
      const limits = { rows: 203, bytes: total / 5 };
      using file = await openDatasetFile(memorySource(encodeArrow(column, limits)), "arrow", NEVER);
      expect(file.rowGroups.length).toBeGreaterThanOrEqual(5);
      const read = await readRows(file);
      expect(plainRows(read)).toEqual(plainRows(column));
      for (const batch of read.batches)
        expect(valueBytes(new Table([batch]))).toBeLessThanOrEqual(limits.bytes);
    },
  );

  it("a Parquet file has more row groups with the same rows, also where long rows are adjacent", async () => {
    const texts = Array.from({ length: 300 }, (_, row) =>
      randomText(row, row > 140 && row < 150 ? 3_000 : 3),
    );
    const rows = tableOf({ t: only(vectorFromArray(texts, new Utf8())) });
    const pieces: Uint8Array[] = [];
    for await (const piece of streamParquet(rows, { rowGroupRows: 100, mostBytes: bytes }))
      pieces.push(piece);
    using file = await openDatasetFile(memorySource(Buffer.concat(pieces)), "parquet", NEVER);
    expect(plainRows(await readRows(file))).toEqual(plainRows(rows));
    expect(file.rowGroups.every(({ bytes: found, rows }) => rows === 1 || found <= bytes * 2)).toBe(true);
    expect(file.rowGroups.length).toBeGreaterThanOrEqual(10);
  });

  it("a row group of long rows has fewer rows than the usual minimum", () => {
    const long = tableOf({ t: only(vectorFromArray(Array(64).fill("x".repeat(1 << 20)), new Utf8())) });
    expect(rowsPerGroup(long, {})).toBe(127);
    expect(rowsPerGroup(smallTable(100), {})).toBeGreaterThan(1_024);
  });
});

/** Returns letters that do not compress. */
function randomText(seed: number, length: number): string {
  const random = lcg(seed + 1);
  return Array.from({ length }, () => String.fromCharCode(97 + Math.floor(random() * 26))).join("");
}
