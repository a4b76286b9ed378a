import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";
import { Bool, DateDay, Int32, Int64, makeData, type Table, Utf8, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { orderFile } from "../../../../../coordinator/publish/shape/order-file.ts";
import { planOutput } from "../../../../../coordinator/publish/shape/plan-output.ts";
import { NEVER } from "../../../../../shared/core/abort.ts";
import { sha256 } from "../../../../../shared/core/digest.ts";
import { encodeArrow, encodeParquet } from "../../../../../shared/dataset/encode.ts";
import { openDatasetFile } from "../../../../../shared/dataset/open-dataset-file.ts";
import { NO_STORES } from "../../../../../shared/domain/job-stores.ts";
import { parseLocation } from "../../../../../shared/domain/location.ts";
import { rowsFormOf } from "../../../../../shared/domain/output-shape.ts";
import { type FolderRows, folderIndexText } from "../../../../../shared/rows/folder-index.ts";
import { orderByFolder } from "../../../../../shared/rows/order-by-folder.ts";
import type { RowsShape } from "../../../../../shared/rows/rows-shape.ts";
import { type PartFile, writeParts } from "../../../../../shared/rows/write-parts.ts";
import { createLocalStorage } from "../../../../../shared/storage/local.ts";
import { sourceOfBytes } from "../../../../../shared/storage/put-source.ts";
import { aDigest } from "../../../../support/ids.ts";
import { memorySource } from "../../../../support/memory-source.ts";
import { readRows } from "../../../../support/read-rows.ts";
import { everyType, only, plainRows, tableOf } from "../../../../support/sample-table.ts";

const storage = createLocalStorage();
const never = new AbortController().signal;
let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "shardmill-shape-"));
});
afterAll(async () => {
  await storage[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

const PLAIN: RowsShape = {
  format: "parquet",
  ending: "parquet",
  form: rowsFormOf({}),
  limits: { rows: null, bytes: null },
  partitionBy: [],
  isSortedAcross: false,
};

/** Bytes of some parts: outputs of these tests have several tasks. */
const TASK_BYTES = 4_000;
let run = 0;

/** Stores a table as a worker does. @param isEarly true: as a worker of an earlier version, and orders it */
async function stored(name: string, table: Table, job: RowsShape, isEarly: boolean) {
  const { format, partitionBy } = job;
  const put = async (path: string, bytes: Uint8Array) => {
    const location = parseLocation(join(root, path));
    await storage.put(location, sourceOfBytes(bytes), { signal: NEVER });
    return { location, rows: table.numRows, bytes: bytes.length, sha256: sha256(bytes) };
  };
  const encode = format === "arrow" ? encodeArrow : encodeParquet;
  const list = async (folders: readonly FolderRows[]) =>
    partitionBy.length > 0 ? await put(`${name}.json`, Buffer.from(folderIndexText(folders))) : null;
  if (isEarly) {
    const file = await put(`${name}.early.${format}`, encode(table));
    const ordered = parseLocation(join(root, `${name}.${format}`));
    const place = { storage, scratch: join(root, `order-${run}`), signal: never };
    const made = await orderFile({ file, format, partitionBy, ordered }, place);
    return { ...made.file, sample: null, folders: await list(made.folders) };
  }
  const { rows, folders } = orderByFolder(table, partitionBy);
  return { ...(await put(`${name}.${format}`, encode(rows))), sample: null, folders: await list(folders) };
}

/** Shapes `tables`, each a partial's. Returns the files by path, and their folder. */
async function shape(tables: readonly Table[], wanted: Partial<RowsShape>, isEarly = false) {
  run += 1;
  const stage = parseLocation(join(root, `stage-${run}`));
  const job = { ...PLAIN, ending: wanted.format ?? PLAIN.ending, ...wanted };
  const files = [];
  for (const [index, table] of tables.entries())
    files.push(await stored(join(`in-${run}`, `${index}`), table, job, isEarly));
  const scratch = join(root, `scratch-${run}`);
  const place = { storage, scratch, signal: never };
  const shape = { ...job, stores: NO_STORES, partBytes: TASK_BYTES };
  const planned = await planOutput(
    { shape, files, commits: aDigest("c"), folder: stage, storage, scratch },
    never,
  );
  const written: number[] = [];
  const onWritten = (rows: number) => written.push(rows);
  const made: (Pick<PartFile, "rows" | "sha256"> & { readonly path: string })[] = [];
  let first = 0;
  for (const parts of planned.tasks()) {
    const task = { ...job, files: planned.files, parts: parts.map(({ ranges }) => ranges), first };
    for (const file of await writeParts(task, { ...place, from: storage, folder: stage }, onWritten)) {
      const path = `rows${parts[file.part - first]?.folder}/${file.name}`;
      await mkdir(dirname(join(stage, path)), { recursive: true });
      await rename(join(stage, file.name), join(stage, path));
      made.push({ path, rows: file.rows, sha256: file.sha256 });
    }
    first += parts.length;
  }
  expect(written).toEqual(made.map(({ rows }) => rows));
  expect(written.reduce((sum, rows) => sum + rows, 0)).toBe(files.reduce((sum, { rows }) => sum + rows, 0));
  return { made, at: (path: string) => join(stage, path) };
}

async function rowsOf(path: string, format: RowsShape["format"]): Promise<Table> {
  using file = await openDatasetFile(memorySource(await readFile(path)), format, NEVER);
  return await readRows(file);
}

const numbered = (rows: number) => {
  const table = everyType(rows);
  const n = makeData({ type: new Int32(), data: Int32Array.from({ length: rows }, (_, row) => row) });
  const [batch] = table.batches;
  const columns = table.schema.fields.map(({ name }, at) => [name, batch?.data.children[at]] as const);
  // Partials have no dictionaries.
  const kept = columns.filter(([name]) => name !== "dictionary");
  return tableOf({ ...(Object.fromEntries(kept) as Record<string, never>), n });
};

describe("rows in parts of another length", () => {
  test.each(["parquet", "arrow"] as const)(
    "keep all values of every type in order, as %s",
    async (format) => {
      const whole = numbered(100);
      const tables = [whole.slice(0, 30), whole.slice(30, 30), whole.slice(30, 95), whole.slice(95, 100)];
      const { made, at } = await shape(tables, { format, limits: { rows: 40, bytes: null } });
      expect(made.map(({ path, rows }) => [path, rows])).toEqual([
        [`rows/rows-0-0.${format}`, 40],
        [`rows/rows-1-0.${format}`, 40],
        [`rows/rows-2-0.${format}`, 20],
      ]);
      const found = await Promise.all(made.map(({ path }) => rowsOf(at(path), format)));
      expect(found.flatMap((table) => plainRows(table))).toEqual(plainRows(whole));
      const types = (table: Table | undefined) => table?.schema.fields.map((field) => `${field}`);
      expect(types(found[1])).toEqual(types(await rowsOf(join(root, `in-${run}`, `0.${format}`), format)));
    },
  );

  test("are sorted within each part, and a repeat gives the same bytes", async () => {
    const whole = numbered(60);
    const form = rowsFormOf({ sort: [{ column: "n", order: "descending" }], rowGroupRows: 7 });
    const wanted = { form, limits: { rows: 45, bytes: null } };
    const first = await shape([whole.slice(0, 20), whole.slice(20)], wanted);
    const again = await shape([whole.slice(0, 20), whole.slice(20)], wanted);
    expect(again.made).toEqual(first.made);
    const parts = await Promise.all(first.made.map(({ path }) => rowsOf(first.at(path), "parquet")));
    const n = parts.map((table) => [...(table.getChild("n") ?? [])]);
    const down = (from: number, to: number) => Array.from({ length: from - to }, (_, at) => from - 1 - at);
    expect(n).toEqual([down(45, 0), down(60, 45)]);
  });

  test("become one file with the columns if there are no rows", async () => {
    for (const partitionBy of [[], ["n"]]) {
      const { made, at } = await shape([numbered(4).slice(0, 0)], {
        limits: { rows: 9, bytes: null },
        partitionBy,
      });
      expect(made.map(({ rows }) => rows)).toEqual([0]);
      const bytes = await readFile(at(made[0]?.path ?? ""));
      using file = await openDatasetFile(memorySource(bytes), "parquet", NEVER);
      expect(file.schema.names.includes("n")).toBe(partitionBy.length === 0);
    }
  });
});

const text = fc.oneof(
  fc.constantFrom(
    "a/b",
    "x=y",
    "50%",
    " ",
    "a b",
    ".",
    "..",
    "%41",
    "é",
    "日本",
    "\u{1F600}",
    "a\\b",
    "'",
    '"',
    "*?",
    "null",
    "#",
    "a:b",
  ),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 6 }).filter((value) => !value.includes("\0")),
);
const day = fc.integer({ min: -20_000, max: 40_000 });
const row = fc.record({
  text: fc.option(text, { freq: 5 }),
  whole: fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { freq: 5 }),
  day: fc.option(day, { freq: 5 }),
  flag: fc.option(fc.boolean(), { freq: 5 }),
});

function tableOfRows(
  rows: readonly { text: string | null; whole: bigint | null; day: number | null; flag: boolean | null }[],
): Table {
  const days = rows.map((each) => (each.day === null ? null : new Date(each.day * 86_400_000)));
  return tableOf({
    text: only(
      vectorFromArray(
        rows.map((each) => each.text),
        new Utf8(),
      ),
    ),
    whole: only(
      vectorFromArray(
        rows.map((each) => each.whole),
        new Int64(),
      ),
    ),
    day: only(vectorFromArray(days, new DateDay())),
    flag: only(
      vectorFromArray(
        rows.map((each) => each.flag),
        new Bool(),
      ),
    ),
    n: makeData({ type: new Int32(), data: Int32Array.from(rows, (_, at) => at) }),
  });
}

const SQL_TYPES = { text: "VARCHAR", whole: "BIGINT", day: "DATE", flag: "BOOLEAN" } as const;

describe("rows in folders by column values", () => {
  test("keep their order in each folder, and DuckDB reads each row with its values", async () => {
    const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
    const connection = await instance.connect();
    const columns = fc.subarray(["text", "whole", "day", "flag"] as const, { minLength: 1 });
    const repeated = fc
      .array(row, { minLength: 1, maxLength: 6 })
      .chain((few) => fc.array(fc.constantFrom(...few), { minLength: 1, maxLength: 25 }));
    await fc.assert(
      fc.asyncProperty(
        repeated,
        columns,
        fc.nat(25),
        fc.option(fc.integer({ min: 1, max: 4 })),
        async (rows, partitionBy, cut, most) => {
          const table = tableOfRows(rows);
          const at = Math.min(cut, rows.length);
          const cutTables = [table.slice(0, at), table.slice(at)].filter((each) => each.numRows > 0);
          const wanted = { partitionBy, limits: { rows: most, bytes: null } };
          const shaped = await shape(cutTables, wanted);
          expect((await shape(cutTables, wanted, true)).made).toEqual(shaped.made);
          const types = partitionBy.map((name) => `'${name}': ${SQL_TYPES[name]}`).join(", ");
          const list = shaped.made.map(({ path }) => `'${shaped.at(path).replaceAll("'", "''")}'`);
          const seen = await connection.runAndReadAll(
            `SELECT n, text, whole, day::VARCHAR AS day, flag
           FROM read_parquet([${list.join(", ")}], hive_partitioning = true, hive_types = {${types}}) ORDER BY n`,
          );
          const expected = rows.map((each, n) => [
            n,
            each.text,
            each.whole,
            each.day === null ? null : new Date(each.day * 86_400_000).toISOString().slice(0, 10),
            each.flag,
          ]);
          // DuckDB reads the text \`null\` in a folder's name as a null, for any writer.
          const known = (value: unknown) => (partitionBy.includes("text") && value === "null" ? null : value);
          expect(seen.getRows()).toEqual(expected.map((values) => values.map(known)));
          for (const { path, rows: count } of shaped.made) {
            const part = await rowsOf(shaped.at(path), "parquet");
            const order = [...(part.getChild("n") ?? [])];
            expect(order).toHaveLength(count);
            expect(order).toEqual([...order].sort((a, b) => a - b));
            expect(part.schema.names.filter((name) => partitionBy.includes(String(name) as never))).toEqual(
              [],
            );
          }
        },
      ),
      { numRuns: 40 },
    );
    connection.closeSync();
    instance.closeSync();
  });

  test("are refused with a hint if a value cannot name a folder or there are too many values", async () => {
    const long = tableOfRows([{ text: "x".repeat(300), whole: null, day: null, flag: null }]);
    await expect(shape([long], { partitionBy: ["text"] })).rejects.toMatchObject({
      code: "OUTPUT_FAILED",
      hint: expect.stringContaining("partitionBy"),
    });
    const far = tableOfRows([{ text: null, whole: null, day: 5_000_000, flag: null }]);
    await expect(shape([far], { partitionBy: ["day"] })).rejects.toMatchObject({ code: "OUTPUT_FAILED" });
    const many = tableOf({
      k: makeData({ type: new Int32(), data: Int32Array.from({ length: 10_001 }, (_, at) => at) }),
      n: makeData({ type: new Int32(), data: new Int32Array(10_001) }),
    });
    await expect(shape([many], { partitionBy: ["k"] })).rejects.toMatchObject({
      message: expect.stringContaining("10,000 folders"),
    });
  });
});
