import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { decodeText } from "../../../extensions/csv-json/encodings.ts";
import type { CsvEncoding, CsvForm } from "../../../extensions/csv-json/op.ts";
import { sniffText } from "../../../extensions/csv-json/sniff-text.ts";
import { FormatReaders } from "../../../shared/dataset/open-input-file.ts";
import { plainAndBad } from "../../support/read-rows.ts";
import { openText } from "./text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

/** Windows-1252 by its table in the Encoding Standard, independent of the product's encoders. */
const CP1252: Readonly<Record<string, number>> = {
  "€": 0x80,
  "‚": 0x82,
  "„": 0x84,
  "…": 0x85,
  Š: 0x8a,
  Œ: 0x8c,
  "’": 0x92,
  "–": 0x96,
  "™": 0x99,
  Ÿ: 0x9f,
};

function encode(text: string, encoding: CsvEncoding): Buffer {
  if (encoding === "utf-16le") return Buffer.from(text, "utf16le");
  if (encoding === "utf-16be") return Buffer.from(text, "utf16le").swap16();
  if (encoding === "utf-8") return Buffer.from(text);
  return Buffer.from(Array.from(text, (letter) => CP1252[letter] ?? letter.charCodeAt(0)));
}

const LETTERS: Readonly<Record<CsvEncoding, readonly string[]>> = {
  "utf-8": ["a", "ö", "東", "😀"],
  latin1: ["a", "ö", "ÿ", "\u0085", "\u0092", "§"],
  "windows-1252": ["a", "ö", "€", "’", "Ÿ", "™", "§"],
  "utf-16le": ["a", "ö", "東", "😀", "\u0a0d", "\u2c22", "\u0d0a", "ÿ"],
  "utf-16be": ["a", "ö", "東", "😀", "\u0a0d", "\u2c22", "\u0d0a", "ÿ"],
};

const form = (encoding: CsvEncoding): CsvForm => ({
  ...{
    kind: "csv",
    encoding,
    delimiter: ";",
    quote: '"',
    escape: '"',
    skip: 0,
    header: true,
    nulls: [""],
    decimal: ".",
  },
  ...{ dateFormat: null, timestampFormat: null },
  fields: [
    { name: "x", type: { kind: "numeric", type: "int64" }, nullable: true },
    { name: "Straße", type: { kind: "string" }, nullable: true },
  ],
});

describe.each(["utf-8", "latin1", "windows-1252", "utf-16le", "utf-16be"] as const)(
  "CSV in %s",
  (encoding) => {
    const text = fc
      .array(fc.constantFrom(...LETTERS[encoding], " ", '"', ";", "\n", "\r\n"), { maxLength: 6 })
      .map((letters) => letters.join(""));
    const row = fc.record({ text, isBad: fc.boolean(), end: fc.constantFrom("\n", "\r\n") });

    it("all rows are read, and bad rows are reported with line and byte, compressed or not", async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(row, { minLength: 1, maxLength: 10 }),
          fc.boolean(),
          fc.boolean(),
          async (rows, isPacked, hasMark) => {
            const isMarked = hasMark && encoding.startsWith("utf");
            let content = `${isMarked ? "\ufeff" : ""}x;Straße\n`;
            let line = 2;
            const places: string[] = [];
            for (const [at, { text: value, isBad, end }] of rows.entries()) {
              if (isBad) places.push(`line ${line} (byte ${encode(content, encoding).length})`);
              content += `${isBad ? "y" : at};"${value.replaceAll('"', '""')}"${end}`;
              line += 1 + (value.split("\n").length - 1);
            }
            const bytes = encode(content, encoding);
            const { file } = await openText(isPacked ? gzipSync(bytes) : bytes, form(encoding), { readers });
            using _ = file;
            const found = await plainAndBad(file);
            expect(found.bad.map(({ message }) => message.split(":")[0])).toEqual(places);
            expect(found.rows).toEqual(
              rows.map(({ text: value, isBad }, at) => (isBad ? null : { x: `${at}n`, Straße: value })),
            );
          },
        ),
        { numRuns: 40 },
      );
    });

    it("the delimiter and the column names are detected", async () => {
      const content = encode("x;Straße\n1;Öl\n2;ÿ\n", encoding);
      const csv = { nulls: [""], decimal: ".", encoding } as const;
      const sample = { path: "/data/a.csv", content, isWhole: true };
      const found = await sniffText([sample], "csv", { csv, types: {} });
      expect(found).toMatchObject({
        header: "x;Straße",
        form: { delimiter: ";", encoding, fields: [{ name: "x" }, { name: "Straße" }] },
      });
    });
  },
);

it("Latin-1 is ISO 8859-1, and Windows-1252 has its own characters from 0x80 to 0x9f", () => {
  const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  expect(decodeText(all, "latin1")).toBe(String.fromCharCode(...all));
  for (const [letter, byte] of Object.entries(CP1252))
    expect(decodeText(Buffer.of(byte), "windows-1252")).toBe(letter);
  expect(decodeText(all.subarray(160), "windows-1252")).toBe(decodeText(all.subarray(160), "latin1"));
});

it("a line that is invalid in its encoding is bad, and the other lines are read", async () => {
  const bytes = Buffer.concat([
    encode("x;Straße\n1;a\n2;", "utf-16le"),
    Buffer.of(0x00, 0xd8),
    encode("\n3;c\n", "utf-16le"),
  ]);
  const { file } = await openText(bytes, form("utf-16le"), { readers });
  using _ = file;
  const { rows, bad } = await plainAndBad(file);
  expect(bad.map(({ message }) => message)).toEqual(["line 3 (byte 26): it is not UTF-16LE"]);
  expect(rows).toEqual([{ x: "1n", Straße: "a" }, null, { x: "3n", Straße: "c" }]);
});

it("text that is not UTF-8 is reported with its place and the key of the job that sets the encoding", async () => {
  const rows = Buffer.from("x;s\n1;a\n2;caf\xe9\n", "latin1");
  const plain = {
    ...form("utf-8"),
    fields: form("utf-8").fields.map((field, at) => ({ ...field, name: ["x", "s"][at] ?? "" })),
  };
  const { file } = await openText(rows, plain, { readers });
  using _ = file;
  const { bad } = await plainAndBad(file);
  expect(bad.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^line 3 \(byte 8\): it is not UTF-8: .*input\.csv\.encoding/),
  ]);
  const csv = { nulls: [""], decimal: "." } as const;
  const header = { path: "/data/a.csv", content: Buffer.from("x;Stra\xdfe\n1;a\n", "latin1"), isWhole: true };
  await expect(sniffText([header], "csv", { csv, types: {} })).rejects.toMatchObject({
    code: "INPUT_UNSUPPORTED",
    message: expect.stringContaining("line 1, byte 0"),
    hint: expect.stringContaining("input.csv.encoding"),
  });
  const marked = { ...header, content: Buffer.from("\ufeffx;y\n1;2\n", "utf16le") };
  await expect(sniffText([marked], "csv", { csv, types: {} })).rejects.toMatchObject({
    hint: "set input.csv.encoding: utf-16le",
  });
});
