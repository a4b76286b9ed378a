import { execFile } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { tableFromIPC } from "apache-arrow";
import { expect, test } from "vitest";
import { NEVER } from "../../../shared/core/abort.ts";
import { packageRoot } from "../../../shared/core/package-root.ts";
import { withTempFolder } from "../../../shared/core/temp-folder.ts";
import { encodeParquet } from "../../../shared/dataset/encode.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import { TextWriter } from "../../../shared/sql/text-writer.ts";

/** Rows of each type as text, read by DuckDB, pandas and Polars. `npm run readers` installs them. */

const SCRIPT = join(packageRoot, "test", "external", "readers", "text_outputs.py");
const PYTHON = join(process.env.SHARDMILL_FOREIGN ?? "", "python", "bin", "python");
const ENDINGS = ["csv", "csv.gz", "csv.zst", "jsonl", "jsonl.gz", "jsonl.zst"];
/** Readers start slowly on a busy machine. */
const LIMIT_MS = 600_000;

const judged = async (...args: string[]) => (await promisify(execFile)(PYTHON, [SCRIPT, ...args])).stdout;

test.each([1, 2])(
  "other programs read equal values from text of every type, seed %i",
  (seed) =>
    withTempFolder("text", async (folder) => {
      await judged("make", folder, String(seed));
      const names = (await readdir(folder)).map((name) => name.replace(".arrow", ""));
      expect(names.length).toBeGreaterThan(40);
      for (const ending of ENDINGS) {
        await using writer = new TextWriter(ending, folder);
        for (const name of names) {
          const table = tableFromIPC(await readFile(join(folder, `${name}.arrow`)));
          const rowsPath = join(folder, `${name}.parquet`);
          await writeFile(rowsPath, encodeParquet(table));
          const source = { rowsPath, fields: fieldsOf(table.schema), rows: table.numRows };
          await writer.write(source, join(folder, `${name}.${ending}`), NEVER);
        }
      }
      const found = JSON.parse(await judged("judge", folder));
      expect(found.wrong).toEqual([]);
      expect(found.calls).toBeGreaterThan(500);
    }),
  LIMIT_MS,
);
