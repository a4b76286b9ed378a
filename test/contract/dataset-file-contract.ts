import type { Data, Table } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import type { DatasetFile } from "../../shared/dataset/dataset-file.ts";
import { openDatasetFile } from "../../shared/dataset/open-dataset-file.ts";
import type { TableFormat } from "../../shared/domain/dataset.ts";
import type { ByteSource } from "../../shared/storage/storage.ts";
import { memorySource } from "../support/memory-source.ts";
import { readRows } from "../support/read-rows.ts";
import { embeddings, everyType, only, plainRows, tableOf } from "../support/sample-table.ts";

/** One format to test. */
export interface DatasetFormatUnderTest {
  readonly format: TableFormat;
  /** Encodes a table as a file, in row groups of so many rows. */
  readonly encode: (table: Table, groupRows: number) => Uint8Array;
  /** Opens a source. Default: by its format. */
  readonly open?: (source: ByteSource) => Promise<DatasetFile>;
  /** Columns after those of every type, by name. Default: none. */
  readonly more?: (rows: number) => Readonly<Record<string, Data>>;
}

const ROWS = 250;
const GROUP_ROWS = 100;
/** Checks the promises of every input file, whatever its format. */
export function datasetFileContract(
  name: string,
  {
    format,
    encode,
    open: openSource = (source) => openDatasetFile(source, format, NEVER),
    more,
  }: DatasetFormatUnderTest,
): void {
  const usual = everyType(ROWS);
  const columns = usual.schema.fields.map(({ name }, at) => [
    name,
    only({ data: usual.getChildAt(at)?.data ?? [] }),
  ]);
  const table = tableOf({ ...Object.fromEntries(columns), ...more?.(ROWS) });
  const names = table.schema.names.map(String);
  const expected = plainRows(table);
  const bytes = encode(table, GROUP_ROWS);
  const open = (content: Uint8Array) => openSource(memorySource(content, "a.file"));

  describe(`${name} as a dataset file`, () => {
    test("an opened file has its number of rows, row groups and schema", async () => {
      using file = await open(bytes);
      expect(file).toMatchObject({ format, path: "a.file", rows: ROWS });
      expect(file.rowGroups.map(({ rows }) => rows)).toEqual([100, 100, 50]);
      expect(file.schema.names).toEqual(names);
      expect(file.footerSha256).toMatch(/^[0-9a-f]{64}$/);
    });

    test("a file without rows still has its columns", async () => {
      using file = await open(encode(table.slice(0, 0), GROUP_ROWS));
      expect(file.rows).toBe(0);
      expect(file.schema.names).toEqual(names);
      expect((await readRows(file)).numRows).toBe(0);
    });

    test("a read returns exactly the requested rows and columns, both in order", async () => {
      using file = await open(bytes);
      const ends = fc.tuple(fc.nat(ROWS), fc.nat(ROWS));
      const columns = fc.shuffledSubarray(names, { minLength: 1, maxLength: 4 });
      await fc.assert(
        fc.asyncProperty(ends, columns, async ([a, b], requested) => {
          const [rowStart, rowEnd] = [Math.min(a, b), Math.max(a, b)];
          const rows = await readRows(file, { rowStart, rowEnd, columns: requested });
          expect(plainRows(rows)).toEqual(plainRows(table.select(requested)).slice(rowStart, rowEnd));
          if (rows.numRows > 0) expect(rows.schema.names).toEqual(requested);
        }),
        {
          numRuns: 12,
          examples: [
            [[0, ROWS], names],
            [[100, 200], ["int64"]],
            [
              [99, 101],
              ["string", "bool"],
            ],
            [[5, 5], ["list"]],
          ],
        },
      );
    });

    test.each(names)("the column %s is read alone as it was written", async (column) => {
      using file = await open(bytes);
      const rows = await readRows(file, { columns: [column] });
      expect(plainRows(rows)).toEqual(plainRows(table.select([column])));
    });

    test("batches do not change after the file is closed", async () => {
      const file = await open(bytes);
      const rows = await readRows(file);
      file[Symbol.dispose]();
      for (let times = 0; times < 3; times += 1) encode(table, GROUP_ROWS);
      expect(plainRows(rows)).toEqual(expected);
    });

    test("a file can be read again after a read stops in the middle", async () => {
      using file = await open(bytes);
      for await (const batch of file.read({ rowStart: 0, rowEnd: ROWS, columns: ["int64"], signal: NEVER })) {
        expect(batch.numRows).toBe(GROUP_ROWS);
        break;
      }
      expect((await readRows(file)).numRows).toBe(ROWS);
    });

    test("reading a missing column fails with INPUT_CHANGED", async () => {
      using file = await open(bytes);
      await expect(readRows(file, { columns: ["nope"] })).rejects.toMatchObject({ code: "INPUT_CHANGED" });
    });

    test("opening and reading a file fail with the store's own error", async () => {
      // Larger than the part that is read at once from the end.
      const source = memorySource(encode(tableOf({ e: embeddings(4_000, 64) }), 4_000));
      const failure = new ShardmillError("STORE_FAILED", "the disk is missing");
      source.failure = failure;
      await expect(openSource(source)).rejects.toBe(failure);
      source.failure = undefined;
      using file = await openSource(source);
      source.failure = failure;
      await expect(readRows(file)).rejects.toBe(failure);
      source.failure = undefined;
      using again = await openSource(source);
      expect((await readRows(again)).numRows).toBe(4_000);
    });

    test("an aborted read fails with the signal's reason", async () => {
      using file = await open(bytes);
      const reason = new Error("enough");
      const controller = new AbortController();
      const read = async () => {
        const { signal } = controller;
        for await (const _ of file.read({ rowStart: 0, rowEnd: ROWS, columns: ["int8"], signal }))
          controller.abort(reason);
      };
      await expect(read()).rejects.toBe(reason);
    });

    test.each([
      ["an empty file", new Uint8Array()],
      ["a few bytes", bytes.slice(0, 7)],
      ["garbage", Uint8Array.from({ length: 5_000 }, (_, at) => (at * 7919) % 256)],
    ])("opening %s fails with INPUT_CORRUPT and the file's path", async (_, content) => {
      await expect(open(content)).rejects.toMatchObject({
        code: "INPUT_CORRUPT",
        fields: { path: "a.file", where: expect.any(String) },
      });
    });
  });
}
