import { gzipSync } from "node:zlib";
import { Float32, Int64, makeData } from "apache-arrow";
import { expect, test } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { runCli } from "../support/processes.ts";
import { tableOf } from "../support/sample-table.ts";

/** Jobs over CSV and JSON Lines, from the command line to what is published. */

const ROWS = 3_000;
const NAMES = ["a", "b", "c", "d"] as const;
/** Exact as text, as a float32 and as a double. */
const number = (row: number, column: number) => ((row * 7 + column * 3) % 64) / 8;

const SPEC = {
  input: { path: "./data", shardRows: 500, where: "id % 10 <> 3" },
  map: {
    prepare: [{ sql: "SELECT *, coalesce(a, 0) AS a2 FROM rows" }],
    inputs: { input: { columns: ["a2", "b", "c", "d"] } },
    outputs: { logits: {} },
    keep: ["id", "note"],
  },
  reduce: { counted: "SELECT count(*) AS rows, sum(id) AS ids FROM rows" },
};

const rowOf = (row: number) => ({
  id: row,
  ...Object.fromEntries(NAMES.map((name, column) => [name, number(row, column)])),
  note: `row ${row}, said "${row % 7}"\nand more`,
});

function csvLine(row: number): string {
  const { note, ...numbers } = rowOf(row);
  return [...Object.values(numbers), `"${note.replaceAll('"', '""')}"`].join(",");
}

async function folderWith(files: Readonly<Record<string, string | Uint8Array>>): Promise<JobFolder> {
  const folder = await JobFolder.make({ files: 0 });
  for (const [name, content] of Object.entries(files))
    await folder.write(`data/${name}`, Buffer.from(content));
  await folder.writeJob(SPEC);
  return folder;
}

const published = ({ out }: JobFolder) => query(`SELECT * FROM '${out}/rows/*.parquet' ORDER BY id`);

test("CSV, packed or not, and JSON Lines give what Parquet gives; bad lines are dead letters of a job that goes on", async () => {
  const all = Array.from({ length: ROWS }, (_, row) => row);
  const header = ["id", ...NAMES, "note"].join(",");
  const lines = all.map(csvLine);
  // In the file, of rows 100 and 101: one with a value that is none, and one that is torn.
  lines[100] = csvLine(100).replace(/^100,[^,]*/, "100,none");
  lines[101] = '101,1,"torn';
  const csv = [header, ...lines.slice(0, 2_000)].join("\n");
  const packed = gzipSync([header, ...lines.slice(2_000)].join("\r\n"));
  await using text = await folderWith({ "1.csv": csv, "2.csv.gz": packed, "notes.txt": "none of it" });
  const run = ["run", text.job, "--workers", "1", "--json", "--set", "input.types.a=float64"];
  const strict = await runCli(run);
  expect(strict).toMatchObject({ code: 1 });
  expect(strict.stderr).toContain("ERROR_BUDGET_EXCEEDED");
  expect(strict.stderr).toMatch(/line 202 \(byte \d+\)/);

  const lenient = await runCli([...run, "--set", "errors.maxRows=2"]);
  expect(lenient).toMatchObject({ code: 3 });
  expect(lenient.stderr).toContain("goes on after it failed");
  const letters = await query(
    `SELECT row, stage, code, message FROM '${text.out}/errors/*.parquet' ORDER BY row`,
  );
  expect(letters).toEqual([
    [100n, "read", "ROW_UNREADABLE", expect.stringMatching(/^line 202 .*column a: "none" is no float64/)],
    [101n, "read", "ROW_UNREADABLE", expect.stringMatching(/^line 204 .*a value in quotes/)],
  ]);

  const json = all.map((row) => JSON.stringify(rowOf(row))).join("\n");
  await using objects = await folderWith({ "all.ndjson": json });
  expect(await runCli(["run", objects.job, "--workers", "1"])).toMatchObject({ code: 0 });

  await using table = await JobFolder.make({ files: 0 });
  const floats = (column: number) =>
    makeData({ type: new Float32(), data: Float32Array.from(all, (row) => number(row, column)) });
  const ids = makeData({ type: new Int64(), data: BigInt64Array.from(all, BigInt) });
  const columns = Object.fromEntries(NAMES.map((name, column) => [name, floats(column)]));
  await table.writeData("data/all.parquet", tableOf({ id: ids, ...columns, note: ids }), 500);
  await table.writeJob(SPEC);
  expect(await runCli(["run", table.job, "--workers", "1"])).toMatchObject({ code: 0 });

  const wanted = (await published(table)).map(([id, _note, ...logits]) => [
    id,
    rowOf(Number(id)).note,
    ...logits,
  ]);
  expect(wanted).toHaveLength(ROWS - ROWS / 10);
  expect(await published(objects)).toEqual(wanted);
  expect(await published(text)).toEqual(wanted.filter(([id]) => id !== 100n && id !== 101n));
});
