import { expect, test } from "vitest";
import { JobFolder } from "../../support/job-folder.ts";
import { expectEqualRows, foreignTables } from "../../support/lake-tables.ts";

test("Iceberg tables by pyiceberg, in each of their snapshots, have the rows and types of the library", {
  timeout: 1_800_000,
}, async () => {
  await using job = await JobFolder.make({ files: 0 });
  const tables = await foreignTables("iceberg_tables.py", job);
  expect(tables.length).toBeGreaterThan(20);
  await expectEqualRows(tables, job);
});
