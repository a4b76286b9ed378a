import { Gunzip, gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { TextIndex } from "../../../extensions/csv-json/op.ts";
import { NEVER } from "../../../shared/core/abort.ts";
import { FormatReaders, openInputFile } from "../../../shared/dataset/open-input-file.ts";
import type { InputFile } from "../../../shared/domain/dataset.ts";
import { DatasetRows } from "../../../shared/domain/dataset-rows.ts";
import { leaseSlices } from "../../../shared/domain/lease-slices.ts";
import { plainAndBad } from "../../support/read-rows.ts";
import { csvForm, soundCsv } from "./csv-text.ts";
import { fieldsOf, NO_FETCH, openText } from "./text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

/** Packing of a file: none, one gzip member, or two. */
const packing = fc.constantFrom("none", "gzip", "members");

function packed(bytes: Buffer, how: string): Buffer {
  if (how === "none") return bytes;
  const cut = how === "gzip" ? bytes.length : bytes.length >> 1;
  return Buffer.concat([gzipSync(bytes.subarray(0, cut)), gzipSync(bytes.subarray(cut))]);
}

/** File that DuckDB wrote: `COPY (...) TO 'a.csv.zst' (FORMAT csv, HEADER true, COMPRESSION zstd)`. */
const ZSTD_FILE = Buffer.from("KLUv/QBYBQEAwGlkLG5hbWUKMCx6ZWlsZSAwCjExCjIyCgIAII/NShg=", "base64");

/** Counts the entries of a file's index. */
function stretchesOf(file: InputFile | undefined): number {
  return (file?.text as TextIndex | undefined)?.stretches.length ?? 0;
}

describe("a text file", () => {
  it("a text file gives the written values with any quotes, compression and index", async () => {
    await fc.assert(
      fc.asyncProperty(
        soundCsv(5),
        packing,
        fc.integer({ min: 1, max: 60 }),
        async ({ form, text, rows }, how, size) => {
          const content = packed(Buffer.from(text), how);
          const { file } = await openText(content, form, { readers, stretchBytes: size });
          using _ = file;
          const found = await plainAndBad(file);
          expect(found.bad).toEqual([]);
          const names = form.fields.map(({ name }) => name);
          expect(found.rows).toEqual(
            rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null]))),
          );
        },
      ),
      { numRuns: 40 },
    );
  });

  it("every range gives the same good and bad rows, read with the part of the index in its lease", async () => {
    const form = csvForm(["a", "b"]);
    const lines = ["a,b", "1,x", '2,"two\nlines"', "3", "", '4,"torn', '5,"q""q"', "6,7,8", '7,"', "8,z"];
    const content = Buffer.from(lines.join("\n"));
    const { file, planned, source } = await openText(content, form, { readers });
    using _ = file;
    const whole = await plainAndBad(file);
    expect(whole.bad.map(({ row }) => row)).toEqual([2, 3, 5, 6]);
    const index = new DatasetRows([planned.rows]);
    for (let rowStart = 0; rowStart <= planned.rows; rowStart += 1) {
      for (let rowEnd = rowStart; rowEnd <= planned.rows; rowEnd += 1) {
        const [slice] = leaseSlices([planned], index, { rowStart, rowEnd });
        using part = await openInputFile(source, slice?.file ?? planned, {
          readers,
          fetch: NO_FETCH,
          signal: NEVER,
        });
        const found = await plainAndBad(part, { rowStart, rowEnd });
        expect(found.rows).toEqual(whole.rows.slice(rowStart, rowEnd));
        expect(found.bad).toEqual(whole.bad.filter(({ row }) => row >= rowStart && row < rowEnd));
        if (rowStart < rowEnd && rowEnd < planned.rows)
          expect(stretchesOf(slice?.file)).toBeLessThan(stretchesOf(planned));
      }
    }
  });

  it("each bad line is reported with its place and its fault", async () => {
    const types = { id: "int64", price: "float32", day: "date" };
    const fields = fieldsOf(types);
    const form = csvForm([], { fields });
    const lines = [
      "id,price,day",
      "1,2,2020-01-01",
      "1.5,2,",
      "3,cheap,",
      "4,5",
      '5,"6,',
      "6,7,2020-02-30",
      "7,\xff,",
    ];
    const content = Buffer.from(lines.join("\r\n"), "latin1");
    const { file } = await openText(content, form, { readers, stretchBytes: 20 });
    using _ = file;
    const { rows, bad } = await plainAndBad(file);
    expect(rows[0]).toMatchObject({ id: "1n", price: 2 });
    expect(bad.map(({ row, message }) => [row, message])).toEqual([
      [1, expect.stringMatching(/^line 3 \(byte 30\): column id: "1.5" is not int64.*input\.types/)],
      [2, expect.stringMatching(/^line 4 \(byte 38\): column price: "cheap" is not float32/)],
      [3, expect.stringMatching(/^line 5 \(byte 48\): it has 2 values for 3 columns/)],
      [4, expect.stringMatching(/^line 6 \(byte 53\): a quoted value/)],
      [5, expect.stringMatching(/^line 7 \(byte 60\): column day: "2020-02-30" is not date/)],
      [6, expect.stringMatching(/^line 8 \(byte 76\): it is not UTF-8/)],
    ]);
    await expect(plainAndBad(file, { onBadRow: undefined })).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
  });

  it("each JSON column gets its own values when only some columns are read", async () => {
    const fields = fieldsOf({ a: "int64", b: "int64" });
    const { file } = await openText(Buffer.from('{"a":1,"b":2}\n'), { kind: "json", fields }, { readers });
    using _ = file;
    expect((await plainAndBad(file, { columns: ["b"] })).rows).toEqual([{ b: "2n" }]);
  });

  it("only the columns that are read are checked", async () => {
    const fields = fieldsOf({ a: "int64", b: "int64" });
    const { file } = await openText(Buffer.from("a,b\n1,x\n"), csvForm([], { fields }), { readers });
    using _ = file;
    expect(await plainAndBad(file, { columns: ["a"] })).toEqual({ rows: [{ a: "1n" }], bad: [] });
    expect((await plainAndBad(file, { columns: ["b", "a"] })).bad).toHaveLength(1);
  });

  it("numbers, timestamps and nulls are read as the form defines", async () => {
    const types = {
      n: "float64",
      i: "int32",
      t: "timestamp",
      d: "date",
      s: "string",
      b: "bool",
      l: "float32[]",
    };
    const fields = fieldsOf(types);
    const form = csvForm([], {
      fields,
      delimiter: ";",
      decimal: ",",
      nulls: ["", "NA"],
      dateFormat: "%d.%m.%Y",
    });
    const lines = [
      "n;i;t;d;s;b;l",
      "1,5;7;2020-01-01T10:00:00+02:00;31.12.2020;NA;true;[1, 2.5]",
      'NA;"";"NA";;"NA";;',
      '2;3,0;2020-01-01;01.01.2021;"";f;[]',
    ];
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
    using _ = file;
    const { rows, bad } = await plainAndBad(file);
    expect(bad).toEqual([]);
    const none = { n: null, i: null, t: null, d: null, b: null, l: null };
    expect(rows).toMatchObject([
      { n: 1.5, i: 7, s: null, b: true, l: [1, 2.5] },
      { ...none, s: "NA" },
      { n: 2, i: 3, s: "", b: false, l: [] },
    ]);
    const moment = rows.map((row) => (row as { t: unknown }).t);
    expect(String(moment[0])).toMatch(/^1577865600000/);
  });

  it("only the bytes around the requested rows are read", async () => {
    const rows = Array.from({ length: 1_000 }, (_, row) => `${row},${"x".repeat(20)}`);
    const content = Buffer.from(["a,b", ...rows].join("\n"));
    const { file, source } = await openText(content, csvForm(["a", "b"]), { readers, stretchBytes: 1_000 });
    using _ = file;
    const before = source.reads.length;
    const found = await plainAndBad(file, { rowStart: 500, rowEnd: 502 });
    expect(found.rows).toMatchObject([{ a: "500" }, { a: "501" }]);
    const read = source.reads.slice(before).reduce((sum, [start, end]) => sum + end - start, 0);
    expect(read).toBeLessThan(2_100);
  });

  it.each([
    ["csv", csvForm(["a", "b"]), "a,b\n1,2\n3\n4,5\n"],
    ["JSON Lines", { kind: "json", fields: fieldsOf({ a: "int64" }) } as const, '{"a":1}\nnone\n{"a":2}\n'],
  ])("lines are checked even when only partition columns are read: %s", async (_, form, text) => {
    const partitions = [{ name: "day", type: "int64", value: "7" }] as const;
    for (const how of ["none", "gzip"]) {
      const { source, planned } = await openText(packed(Buffer.from(text), how), form, { readers });
      using file = await openInputFile(
        source,
        { ...planned, partitions },
        { readers, fetch: NO_FETCH, signal: NEVER },
      );
      const { rows, bad } = await plainAndBad(file, { columns: ["day"] });
      expect(rows).toEqual([{ day: "7n" }, null, { day: "7n" }]);
      expect(bad).toMatchObject([{ row: 1, message: expect.stringContaining("line ") }]);
      const all = { rowStart: 1, rowEnd: 2, columns: ["day"], signal: NEVER };
      await expect(file.read(all)[Symbol.asyncIterator]().next()).rejects.toMatchObject({
        code: "INPUT_CORRUPT",
      });
    }
  });

  it.each(["none", "gzip"])(
    "a change of the file without a change of its size is detected: compression %s",
    async (how) => {
      const text = "a,b\n1,2\n3,4\n";
      const content = packed(Buffer.from(text), how);
      const { planned } = await openText(content, csvForm(["a", "b"]), { readers });
      const other = packed(Buffer.from(text.replace("3", "5")), how);
      const source = {
        path: "a",
        bytes: other.length,
        read: async (s: number, e: number) => other.subarray(s, e),
      };
      using file = await openInputFile(source, planned, { readers, fetch: NO_FETCH, signal: NEVER });
      expect((await plainAndBad(file, { rowStart: 0, rowEnd: 1 })).rows).toHaveLength(1);
      await expect(plainAndBad(file)).rejects.toMatchObject({ code: "INPUT_CHANGED" });
    },
  );

  it("decompression stops when the reader stops early", async () => {
    const rows = Array.from({ length: 5_000 }, (_, row) => `${row},${"x".repeat(1_000)}`);
    const content = gzipSync(Buffer.from(["a,b", ...rows].join("\n")));
    const form = csvForm(["a", "b"]);
    const { file } = await openText(content, form, { readers, stretchBytes: 65_536 });
    using _ = file;
    const end = vi.spyOn(Gunzip.prototype, "destroy");
    try {
      for await (const batch of file.read({ rowStart: 0, rowEnd: 5_000, columns: ["a"], signal: NEVER })) {
        expect(batch.numRows).toBeLessThan(5_000);
        break;
      }
      expect(end).toHaveBeenCalled();
    } finally {
      end.mockRestore();
    }
  });

  it("a truncated gzip file is corrupt, and UTF-16 without a set encoding is unsupported", async () => {
    const form = csvForm(["a"]);
    const torn = gzipSync(Buffer.from("a\n1\n")).subarray(0, -5);
    await expect(openText(torn, form, { readers })).rejects.toMatchObject({ code: "INPUT_CORRUPT" });
    const utf16 = Buffer.from("\ufeffa\n1\n", "utf16le");
    await expect(openText(utf16, form, { readers })).rejects.toMatchObject({ code: "INPUT_UNSUPPORTED" });
  });

  it.each([
    ["plain", []],
    ["behind a frame to skip, as parallel packers write it", [0x5f, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 9]],
  ])("a zstd file of DuckDB gives its rows: %s", async (_, before) => {
    const content = Buffer.concat([Buffer.from(before), ZSTD_FILE]);
    const { file, planned } = await openText(content, csvForm(["id", "name"]), { readers });
    using _file = file;
    expect(planned.text).toMatchObject({ isGzip: false, isZstd: true });
    const rows = ["0", "1", "2"].map((id) => ({ id, name: `zeile ${id}` }));
    expect(await plainAndBad(file)).toMatchObject({ rows, bad: [] });
    expect((await plainAndBad(file, { rowStart: 1, rowEnd: 2 })).rows).toEqual([rows[1]]);
  });

  it("a truncated or damaged zstd file is corrupt", async () => {
    const damaged = Buffer.from(ZSTD_FILE);
    damaged.fill(0xff, 8, 12);
    for (const content of [ZSTD_FILE.subarray(0, -3), damaged])
      await expect(openText(content, csvForm(["id", "name"]), { readers })).rejects.toMatchObject({
        code: "INPUT_CORRUPT",
      });
  });

  it("a file without rows still has its columns", async () => {
    for (const text of ["", "a,b", "a,b\n", "a,b\n\n\n"]) {
      const { file } = await openText(Buffer.from(text), csvForm(["a", "b"]), { readers });
      using _ = file;
      expect(file.rows).toBe(0);
      expect(file.schema.names).toEqual(["a", "b"]);
      expect((await plainAndBad(file)).rows).toEqual([]);
    }
  });
});
