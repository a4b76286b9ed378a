import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tableFromArrays } from "apache-arrow";
import { expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { withTempFolder } from "../../shared/core/temp-folder.ts";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import type { OutputFormatPart } from "../../shared/extension/output-format.ts";
import { TextWriter } from "../../shared/sql/text-writer.ts";
import { query } from "../support/known-answer.ts";

const ENDINGS = ["", ".gz", ".zst"] as const;

/** Table of every kind of plain value, with nulls. */
const TABLE = tableFromArrays({
  id: BigInt64Array.from({ length: 1_000 }, (_, row) => BigInt(row)),
  score: Float64Array.from({ length: 1_000 }, (_, row) => row / 7),
  text: Array.from({ length: 1_000 }, (_, row) => (row % 5 === 0 ? null : `"${row}",\n\u00e9`)),
});

/** Laws of a format of published rows, by DuckDB, which reads its files by their names. */
export function outputFormatContract(format: OutputFormatPart): void {
  const write = async (ending: string, folder: string, name: string, rows = TABLE) => {
    const rowsPath = join(folder, `${name}.parquet`);
    await writeFile(rowsPath, encodeParquet(rows));
    const path = join(folder, `${name}.${format.name}${ending}`);
    await using writer = new TextWriter(`${format.name}${ending}`, folder);
    await writer.write({ rowsPath, fields: fieldsOf(rows.schema), rows: rows.numRows }, path, NEVER);
    return path;
  };

  test.each(ENDINGS)(
    `${format.name}: DuckDB reads equal rows, in order, from files that end in %o`,
    (ending) =>
      withTempFolder("text", async (folder) => {
        const path = await write(ending, folder, "rows");
        const select = "SELECT id, score, text";
        const rows = await query(`${select} FROM '${path}'`);
        expect(rows).toHaveLength(1_000);
        expect(rows).toEqual(await query(`${select} FROM '${join(folder, "rows.parquet")}'`));
      }),
  );

  test.each(ENDINGS)(`${format.name}: equal rows give equal bytes in files that end in %o`, (ending) =>
    withTempFolder("text", async (folder) => {
      const digests: string[] = [];
      for (const name of ["one", "two"]) {
        const bytes = await readFile(await write(ending, folder, name));
        digests.push(createHash("sha256").update(bytes).digest("hex"));
      }
      expect(digests[1]).toBe(digests[0]);
    }),
  );

  test(`${format.name}: no rows give a file without rows`, () =>
    withTempFolder("text", async (folder) => {
      const text = await readFile(await write("", folder, "none", TABLE.slice(0, 0)), "utf8");
      expect(text.trim().split("\n")).toHaveLength(1);
    }));
}
