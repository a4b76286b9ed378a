import { expect, test } from "vitest";
import { readTable } from "../../../extensions/iceberg/read-table.ts";
import type { IcebergSpec } from "../../../extensions/iceberg/spec.ts";
import { openIcebergFile } from "../../../extensions/iceberg/table-file.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { LakeTables, openParquet, storage } from "../../support/lake-tables.ts";

/** Tables by Spark, with the rows that it reads in them: see `iceberg_spark.py` in test/external/readers. */

const tables = new LakeTables("iceberg");

const rowsOf = (name: string, options: IcebergSpec = {}) =>
  tables.rows(name, { read: readTable, open: openIcebergFile }, options);

test.each([
  { name: "evolved", of: "columns that were renamed, added, dropped and widened, also within others" },
  { name: "types", of: "all types that Spark has" },
  { name: "parts", of: "partitions of all types" },
  { name: "third", of: "version 3, with packed metadata" },
  { name: "deletes_file", of: "deleted rows in a file for each data file" },
  { name: "deletes_partition", of: "deleted rows in a file for each partition" },
  { name: "vectors", of: "deletion vectors" },
  { name: "added", of: "files of others, without ids" },
])("a table with $of has the rows of Spark", async ({ name }) => {
  const rows = await rowsOf(name);
  expect(rows.length).toBeGreaterThan(1);
  expect(rows).toEqual(await tables.expectedRows(name));
});

test("a branch and a tag have their own rows", async () => {
  expect(await rowsOf("refs")).toEqual(['{"id":"10n"}']);
  expect(await rowsOf("refs", { ref: "first" })).toEqual(await tables.expectedRows("refs_tag"));
  expect(await rowsOf("refs", { ref: "side" })).toEqual(await tables.expectedRows("refs_side"));
});

test("a file without ids is refused when the table has no names for its columns", async () => {
  const table = await readTable(parseLocation(tables.at("added")), {
    storage,
    options: null,
    signal: NEVER,
  });
  const { path, index } = present(table?.files.at(-1), "the table has files");
  const nameless = { ...index, form: { ...index.form, names: [] } };
  const plain = await openParquet(path);
  expect(() => openIcebergFile(plain, nameless)).toThrow(
    expect.objectContaining({ code: "INPUT_UNSUPPORTED" }),
  );
});
