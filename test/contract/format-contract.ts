import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { FORMAT_OF_EXTENSION } from "../../coordinator/plan/input/data-extensions.ts";
import { NEVER } from "../../shared/core/abort.ts";
import type { BadRow } from "../../shared/dataset/dataset-file.ts";
import { fieldsOf } from "../../shared/dataset/fields.ts";
import { FormatReaders, openInputFile } from "../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../shared/domain/dataset.ts";
import { DatasetRows } from "../../shared/domain/dataset-rows.ts";
import { recordFormatOf } from "../../shared/domain/formats.ts";
import { leaseSlices } from "../../shared/domain/lease-slices.ts";
import { parseLocation } from "../../shared/domain/location.ts";
import type { FormatPlanner, FoundForm, RequestedForm } from "../../shared/extension/format.ts";
import { FILE_INDEX_SCHEMA } from "../../shared/wire/file-index.ts";
import { memorySource } from "../support/memory-source.ts";
import { plainAndBad, readRows } from "../support/read-rows.ts";

export interface WrittenRow {
  readonly id: number;
  readonly share: number;
  readonly note: string;
}

/** One format to test. */
export interface FormatUnderTest {
  /** Name of the format. */
  readonly name: string;
  /** Writes rows as a file. Null becomes an invalid row. */
  write(rows: readonly (WrittenRow | null)[]): string | Buffer;
  /** Types of columns that the format does not detect. Default: it detects all types. */
  readonly types?: Readonly<Record<string, string>>;
  /** Columns besides those of the rows. Default: none. */
  readonly ownColumns?: readonly string[];
  /** Column whose value makes a row bad. Default: the row is bad as a whole, whatever is read. */
  readonly badColumn?: string;
  /** True when no valid file of the format is empty. Default: false. */
  readonly refusesEmpty?: boolean;
}

/** Enough for several entries of an index. */
const ROWS = 4_000;
const NOTE_CHARS = 300;
const BAD = new Set([0, 7, 8, 2_500, ROWS - 1]);
const PATH = parseLocation("/data/a.file");

const ALL = Array.from({ length: ROWS }, (_, id): WrittenRow | null =>
  BAD.has(id) ? null : { id, share: id / 8 + 0.5, note: `${"é".repeat(id % NOTE_CHARS)}, "x"` },
);
const PLAIN = ALL.map((row) => (row === null ? null : { ...row, id: `${row.id}n` }));
/** Reader of listed files, for files that list none. */
const NO_FETCH = () => Promise.reject(new Error("records are not listed files"));
const COLUMNS = ["id", "share", "note"];
/** Tests the promises of a format that an extension adds: `shared/extension/format.ts`. */
export function formatContract(format: FormatUnderTest): void {
  const { name, write, types = {}, ownColumns = [], badColumn, refusesEmpty = false } = format;
  const part = recordFormatOf(name);
  const requests = (more: RequestedForm["types"]) => ({ options: null, types: { ...types, ...more } });
  const content = Buffer.from(write(ALL));

  describe(`${name} as a format`, () => {
    const readers = new FormatReaders();
    afterAll(() => readers[Symbol.asyncDispose]());

    const find = async (
      contents: readonly (Uint8Array | string)[],
      requested: RequestedForm = requests({}),
    ) => {
      const planner = await part.loadPlanner();
      const sources = contents.map((each, at) => memorySource(Buffer.from(each), `/data/${at}`));
      return { planner, found: await planner.findForm(sources, requested, NEVER) };
    };

    /** Plans one file, as a coordinator does, and sends it to workers. */
    const plan = async (
      bytes: Uint8Array,
      { planner, found }: { planner: FormatPlanner; found: FoundForm },
    ) => {
      const indexed = await planner.indexFile(memorySource(bytes, PATH), asJson(found), NEVER);
      const { rows, sha256: footerSha256, index } = indexed;
      const size = { bytes: bytes.length, version: "1" };
      const planned: InputFile = { path: PATH, format: name, ...size, rows, footerSha256, text: index };
      return { ...indexed, planned };
    };

    const open = (bytes: Uint8Array, planned: InputFile) =>
      openInputFile(memorySource(bytes, PATH), planned, { readers, fetch: NO_FETCH, signal: NEVER });

    test("the format is detected by the endings of file names, compressed or not", () => {
      for (const ending of part.endings) {
        expect(ending).toMatch(/^\.[a-z0-9]+$/);
        expect([ending, `${ending}.gz`].map((each) => FORMAT_OF_EXTENSION[each])).toEqual([name, name]);
      }
    });

    test("the planner finds the same columns in the same files, and in parts of them", async () => {
      const half = ROWS / 2;
      const parts = [ALL.slice(0, half), ALL.slice(half)].map(write);
      const [{ found }, again, split] = [await find([content]), await find([content]), await find(parts)];
      const own = found.form.fields.slice(0, ownColumns.length);
      expect(own.map(({ name }) => name)).toEqual(ownColumns);
      expect(found.form.fields.slice(ownColumns.length).map(({ name, type }) => [name, type])).toEqual([
        ["id", { kind: "numeric", type: "int64" }],
        ["share", { kind: "numeric", type: "float64" }],
        ["note", { kind: "string" }],
      ]);
      expect(found.textCauses).toEqual([]);
      expect(again.found).toEqual(found);
      expect(split.found.form).toEqual(found.form);
      expect(part.show(found.form)).toMatch(/^[^\n]+$/);
    });

    test("the form and the index are JSON that their schema accepts unchanged", async () => {
      const form = await find([content]);
      const { index, rows, rowGroups } = await plan(content, form);
      expect(rows).toBe(ROWS);
      expect(rowGroups.length).toBeGreaterThan(2);
      expect(rowGroups.reduce((sum, group) => sum + group.rows, 0)).toBe(ROWS);
      expect(index.form).toEqual(form.found.form);
      expect(JSON.stringify(FILE_INDEX_SCHEMA.parse(asJson(index)))).toBe(JSON.stringify(index));
      expect((await plan(content, form)).planned).toEqual((await plan(content, form)).planned);
    });

    test("a lease reads the same rows and bad rows as a read of the whole file", async () => {
      const { planned } = await plan(content, await find([content]));
      using file = await open(content, planned);
      expect(file.rows).toBe(ROWS);
      const whole = await plainAndBad(file, { columns: COLUMNS });
      expect(whole.rows).toEqual(PLAIN);
      expect(whole.bad.map(({ row }) => row)).toEqual([...BAD]);
      const ends = fc.tuple(fc.nat(ROWS), fc.nat(ROWS));
      const rows = new DatasetRows([ROWS]);
      const check = async ([a, b]: readonly [number, number]) => {
        const range = { rowStart: Math.min(a, b), rowEnd: Math.max(a, b) };
        for (const slice of leaseSlices([planned], rows, range)) {
          using leased = await open(content, asJson(slice.file));
          const { rows, bad } = await plainAndBad(leased, { ...range, columns: COLUMNS });
          expect(rows).toEqual(whole.rows.slice(range.rowStart, range.rowEnd));
          expect(bad).toEqual(whole.bad.filter(({ row }) => row >= range.rowStart && row < range.rowEnd));
        }
      };
      await fc.assert(fc.asyncProperty(ends, check), { numRuns: 15, examples: [[[0, 1]], [[7, 9]]] });
    });

    test("a lease of one row contains less of the index than the plan", async () => {
      const { planned } = await plan(content, await find([content]));
      const [slice] = leaseSlices([planned], new DatasetRows([ROWS]), { rowStart: ROWS - 1, rowEnd: ROWS });
      const bytesOf = (file: InputFile | undefined) => JSON.stringify(file?.text).length;
      expect(bytesOf(slice?.file)).toBeLessThan(bytesOf(planned));
    });

    test("a bad row is reported with its place, and fails reads that accept none", async () => {
      const { planned } = await plan(content, await find([content]));
      using file = await open(content, planned);
      const bad: BadRow[] = [];
      const columns = badColumn === undefined ? [] : [badColumn];
      const none = { columns, onBadRow: (row: BadRow) => void bad.push(row) };
      await readRows(file, none);
      expect(bad.map(({ row }) => row)).toEqual([...BAD]);
      for (const { message } of bad) expect(message).toMatch(/\d/);
      await expect(readRows(file)).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
      const good = { rowStart: 10, rowEnd: 20, columns: ["share"] };
      expect((await readRows(file, good)).numRows).toBe(10);
    });

    test("columns are read in the requested order, with the types of the form", async () => {
      const form = await find([content], requests({ share: "float32" }));
      const { planned } = await plan(content, form);
      using file = await open(content, planned);
      expect(fieldsOf(file.schema)).toEqual(form.found.form.fields);
      const share = form.found.form.fields.find((field) => field.name === "share");
      expect(share?.type).toEqual({ kind: "numeric", type: "float32" });
      const table = await readRows(file, { rowStart: 10, rowEnd: 12, columns: ["note", "share"] });
      expect(table.schema.names).toEqual(["note", "share"]);
    });

    test("a value that does not have the type in the job makes its row bad", async () => {
      const form = await find([content], requests({ note: "int64" }));
      const { planned } = await plan(content, form);
      using file = await open(content, planned);
      const { bad } = await plainAndBad(file, { rowStart: 10, rowEnd: 20 });
      expect(bad).toHaveLength(10);
      for (const { message } of bad) expect(message).toContain("note");
      // This read does not request that column.
      const others = await plainAndBad(file, { rowStart: 10, rowEnd: 20, columns: ["id"] });
      expect(others.bad).toEqual([]);
    });

    test("a compressed file gives the same rows, and is planned as one piece", async () => {
      const packed = gzipSync(content);
      const form = await find([packed]);
      expect(form.found.form).toEqual((await find([content])).found.form);
      const { planned, index } = await plan(packed, form);
      expect(part.isOnePiece(index)).toBe(true);
      expect(part.isOnePiece((await plan(content, form)).index)).toBe(false);
      using file = await open(packed, planned);
      const some = { columns: COLUMNS, rowStart: 3_000, rowEnd: 3_010 };
      expect((await plainAndBad(file, { columns: COLUMNS })).rows).toEqual(PLAIN);
      expect((await plainAndBad(file, some)).rows).toEqual(PLAIN.slice(3_000, 3_010));
    });

    test("a file without rows has the columns of the other files", async () => {
      const form = await find([content]);
      for (const empty of [...(refusesEmpty ? [] : [Buffer.alloc(0)]), Buffer.from(write([]))]) {
        const { planned, rowGroups } = await plan(empty, form);
        expect([planned.rows, rowGroups]).toEqual([0, []]);
        using file = await open(empty, planned);
        expect(file.schema.names).toEqual([...ownColumns, ...COLUMNS]);
        expect((await readRows(file)).numRows).toBe(0);
      }
      if (refusesEmpty) await expect(find([""])).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
      else await expect(find([""])).resolves.toBeDefined();
    });

    test("reading a file that changed after the plan fails with INPUT_CHANGED", async () => {
      const form = await find([content]);
      const { planned } = await plan(content, form);
      const other = Buffer.from(content);
      other.write("è", other.lastIndexOf("é"));
      expect((await plan(other, form)).planned.footerSha256).not.toBe(planned.footerSha256);
      using file = await open(other, planned);
      await expect(plainAndBad(file)).rejects.toMatchObject({ code: "INPUT_CHANGED" });
    });

    test("an aborted read fails with the signal's reason", async () => {
      const { planned } = await plan(content, await find([content]));
      using file = await open(content, planned);
      const reason = new Error("enough");
      const signal = AbortSignal.abort(reason);
      await expect(plainAndBad(file, { signal })).rejects.toBe(reason);
    });
  });
}

/** Returns a value as another process receives it. */
function asJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
