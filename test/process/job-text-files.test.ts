import { gzipSync } from "node:zlib";
import { Float64, Int64, makeData, Utf8, vectorFromArray } from "apache-arrow";
import { expect } from "vitest";
import { JobFolder } from "../support/job-folder.ts";
import { query } from "../support/known-answer.ts";
import { needs } from "../support/needs.ts";
import { runCli } from "../support/processes.ts";
import { only, tableOf } from "../support/sample-table.ts";

/** Jobs over CSV and JSON Lines, from the command to the published output. */

const ROWS = 3_000;
const NAMES = ["a", "b", "c", "d"] as const;
/** Exact as text and as a float32. */
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

needs("csv-json")(
  "CSV, plain or compressed, gives the rows of Parquet and JSON Lines, and bad lines are dead-lettered",
  async () => {
    const all = Array.from({ length: ROWS }, (_, row) => row);
    const header = ["id", ...NAMES, "note"].join(",");
    const lines = all.map(csvLine);
    // Rows 100 and 101 of the file: one has an invalid value, and one is cut.
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
    expect(lenient.stderr).toContain("resumes after it failed");
    const letters = await query(
      `SELECT row, stage, code, message FROM read_parquet('${text.out}/_errors/*.pq') ORDER BY row`,
    );
    expect(letters).toEqual([
      [100n, "read", "ROW_UNREADABLE", expect.stringMatching(/^line 202 .*column a: "none" is not float64/)],
      [101n, "read", "ROW_UNREADABLE", expect.stringMatching(/^line 204 .*a quoted value/)],
    ]);

    // The other half of the same dataset is Parquet. The rows of the text files are compared with both.
    const half = ROWS / 2;
    const column = (index: number) =>
      makeData({
        type: new Float64(),
        data: Float64Array.from({ length: half }, (_, row) => number(row, index)),
      });
    const notes = vectorFromArray(
      all.slice(0, half).map((row) => rowOf(row).note),
      new Utf8(),
    );
    const table = tableOf({
      id: makeData({
        type: new Int64(),
        data: BigInt64Array.from({ length: half }, (_, row) => BigInt(row)),
      }),
      ...Object.fromEntries(NAMES.map((name, index) => [name, column(index)])),
      note: only(notes),
    });
    const json = all.slice(half).map((row) => JSON.stringify(rowOf(row)));
    await using mixed = await folderWith({ "2.ndjson": json.join("\n") });
    await mixed.writeData("data/1.parquet", table, 500);
    expect(await runCli(["run", mixed.job, "--workers", "1"])).toMatchObject({ code: 0 });

    const wanted = await published(mixed);
    expect(wanted).toHaveLength(ROWS - ROWS / 10);
    for (const [id, note] of wanted) expect(note).toBe(rowOf(Number(id)).note);
    expect(await published(text)).toEqual(wanted.filter(([id]) => id !== 100n && id !== 101n));
  },
);
