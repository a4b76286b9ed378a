import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Utf8, vectorFromArray } from "apache-arrow";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeParquet } from "../../shared/dataset/encode.ts";
import { decoderMemoryEnvironment } from "../../shared/dataset/parquet-memory.ts";
import { only, tableOf } from "../support/sample-table.ts";

const ROWS = 2_000;
const VALUE = "a long value ".repeat(4_000);
/** Memory limit. The rows have 99 MiB, and decoding needs some, so all of them do not fit at once. */
const MEMORY_BYTES = 125 << 20;

/** Script that prints the numbers of rows and batches in a file. Each row begins with its number modulo 4. */
const READ = `
const { readFileSync } = await import("node:fs");
const { openDatasetFile } = await import(process.argv[1]);
const content = readFileSync(process.argv[2]);
const read = async (start, end) => new Uint8Array(content.subarray(start, end));
const { signal } = new AbortController();
const file = await openDatasetFile({ path: "a.parquet", bytes: content.length, read }, "parquet", signal);
let rows = 0;
let batches = 0;
for await (const batch of file.read({ rowStart: 0, rowEnd: file.rows, columns: ["t"], signal })) {
  const column = batch.getChild("t");
  for (let row = 0; row < batch.numRows; row += 1, rows += 1)
    if (!column.get(row).startsWith((rows % 4) + " ")) throw new Error("row " + rows + " has another text");
  batches += 1;
}
console.log(JSON.stringify({ rows, batches }));
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shardmill-long-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it("long values from a small dictionary are read in batches that fit in memory", async () => {
  const path = join(folder, "a.parquet");
  const texts = Array.from({ length: ROWS }, (_, row) => `${row % 4} ${VALUE}`);
  await writeFile(
    path,
    encodeParquet(tableOf({ t: only(vectorFromArray(texts, new Utf8())) }), { rowGroupRows: ROWS }),
  );
  const reader = new URL("../../dist/shared/dataset/open-dataset-file.js", import.meta.url).href;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "--eval", READ, reader, path],
    { env: { ...process.env, ...decoderMemoryEnvironment(MEMORY_BYTES) } },
  );
  const { rows, batches } = JSON.parse(stdout) as { rows: number; batches: number };
  expect(rows).toBe(ROWS);
  expect(batches).toBeGreaterThan(2);
});
