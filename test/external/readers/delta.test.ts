import { expect, test } from "vitest";
import { JobFolder } from "../../support/job-folder.ts";
import { expectEqualRows, foreignTables } from "../../support/lake-tables.ts";

test("Delta tables by the deltalake library, in each of their versions, have the rows and types of the library", {
  timeout: 1_800_000,
}, async () => {
  await using job = await JobFolder.make({ files: 0 });
  const tables = await foreignTables("delta_tables.py", job);
  expect(tables.length).toBeGreaterThan(50);
  await expectEqualRows(tables, job);
});
