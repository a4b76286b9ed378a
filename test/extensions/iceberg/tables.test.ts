import { join } from "node:path";
import { expect, test } from "vitest";
import { readTable } from "../../../extensions/iceberg/read-table.ts";
import type { IcebergSpec } from "../../../extensions/iceberg/spec.ts";
import { openIcebergFile } from "../../../extensions/iceberg/table-file.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { openDatasetFile } from "../../../shared/dataset/open-dataset-file.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { createLocalStorage } from "../../../shared/storage/local.ts";
import { byteSource } from "../../../shared/storage/storage.ts";
import { readRows } from "../../support/read-rows.ts";
import { plainRows } from "../../support/sample-table.ts";

/** Tables by Spark, with the rows that it reads in them: see `iceberg_spark.py` in test/external/readers. */

const TABLES = join(packageRoot, "test", "extensions", "iceberg", "tables");
const storage = createLocalStorage();

async function openParquet(path: string) {
  const location = parseLocation(path);
  const { bytes } = await storage.stat(location, NEVER);
  return await openDatasetFile(byteSource(storage, location, bytes), "parquet", NEVER);
}

/** Returns the rows of a table as texts, in no order. */
async function rowsOf(name: string, options: IcebergSpec = {}): Promise<string[]> {
  const table = await readTable(parseLocation(join(TABLES, name)), { storage, options, signal: NEVER });
  const rows: unknown[] = [];
  for (const { path, index } of present(table, "the folder is a table").files) {
    using file = openIcebergFile(await openParquet(path), index);
    rows.push(...plainRows(await readRows(file)));
  }
  return texts(rows);
}

async function expectedRows(name: string): Promise<string[]> {
  using file = await openParquet(join(TABLES, `${name}.parquet`));
  return texts(plainRows(await readRows(file)));
}

const texts = (rows: readonly unknown[]) => rows.map((row) => JSON.stringify(row)).sort();

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
  expect(rows).toEqual(await expectedRows(name));
});

test("a branch and a tag have their own rows", async () => {
  expect(await rowsOf("refs")).toEqual(['{"id":"10n"}']);
  expect(await rowsOf("refs", { ref: "first" })).toEqual(await expectedRows("refs_tag"));
  expect(await rowsOf("refs", { ref: "side" })).toEqual(await expectedRows("refs_side"));
});

test("a file without ids is refused when the table has no names for its columns", async () => {
  const table = await readTable(parseLocation(join(TABLES, "added")), {
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
