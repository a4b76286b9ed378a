import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { sniffText, type TextSpec } from "../../../extensions/csv-json/sniff-text.ts";
import { FormatReaders } from "../../../shared/dataset/open-input-file.ts";
import { nameOfType } from "../../../shared/domain/column-type-names.ts";
import { plainAndBad } from "../../support/read-rows.ts";
import { openText } from "./text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

const CSV = { nulls: [""], decimal: "." } as const;

async function look(content: string, spec: Partial<TextSpec> = {}) {
  const sample = { path: "/data/a.csv", content: Buffer.from(content, "latin1"), isWhole: true };
  return (await sniffText([sample], "csv", { csv: null, types: {}, ...spec })).form;
}

async function read(content: string, spec: Partial<TextSpec> = {}) {
  const form = await look(content, spec);
  const { file } = await openText(Buffer.from(content, "latin1"), form, { readers });
  using _ = file;
  return { form, ...(await plainAndBad(file)) };
}

/** Invalid lines that affect only themselves. */
const DIRT = ['9,"b', '"a"b,9', '9,"a"x', "9", "9,8,7", '9,"', '9,"caf\xe9"', "9,caf\xe9"] as const;
const ends = fc.constantFrom("\n", "\r\n", "\r");

describe("CSV with bad lines and mixed line ends", () => {
  it.each([
    ["is detected", null],
    ["is given by the job", { ...CSV, delimiter: ",", quote: '"', header: true }],
  ])("every good line is read and every bad line is reported when the form %s", async (_, csv) => {
    const line = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({
          dirt: fc.constant(null),
          text: fc.constantFrom("a", "b c", '"q"', '"x,y"', '"r\r\ns"'),
        }),
      },
      { weight: 1, arbitrary: fc.record({ dirt: fc.constantFrom(...DIRT), text: fc.constant("") }) },
    );
    const lines = fc.array(fc.tuple(line, ends), { minLength: 3, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lines, ends, async (some, headerEnd) => {
        const good = some.filter(([{ dirt }]) => dirt === null).length;
        fc.pre(good > some.length / 2);
        // An unclosed quote closes at the next quote of a later line.
        const isOpen = (text: string | null) => text !== null && (text.split('"').length - 1) % 2 === 1;
        const opened = some.findIndex(([{ dirt }]) => isOpen(dirt));
        fc.pre(
          opened < 0 || !some.slice(opened + 1).some(([{ dirt, text }]) => (dirt ?? text).includes('"')),
        );
        const content = some.map(([{ dirt, text }, end], at) => `${dirt ?? `${at},${text}`}${end}`);
        const { form, rows, bad } = await read(`x,s${headerEnd}${content.join("")}`, { csv });
        expect(form).toMatchObject({ delimiter: ",", quote: '"', header: true });
        expect(form.fields.map(({ name, type }) => [name, nameOfType(type)])).toEqual([
          ["x", "int64"],
          ["s", "string"],
        ]);
        expect(bad.map(({ row }) => row)).toEqual(
          some.flatMap(([{ dirt }], at) => (dirt === null ? [] : [at])),
        );
        const expected = some.map(([{ dirt, text }], at) =>
          dirt === null ? { x: `${at}n`, s: text.replaceAll('"', "") } : null,
        );
        expect(rows).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });
});

describe("whole numbers of CSV", () => {
  const value = fc.oneof(
    fc.bigInt({ min: -(2n ** 66n), max: 2n ** 66n }),
    fc.constantFrom(
      2n ** 63n,
      2n ** 63n - 1n,
      -(2n ** 63n),
      -(2n ** 63n) - 1n,
      2n ** 64n - 1n,
      2n ** 64n,
      0n,
      -1n,
    ),
    fc.constantFrom(10n ** 38n, -(10n ** 45n), 9_007_199_254_740_993n),
  );

  it("whole numbers are read exactly as int64, uint64, or text where no integer type holds them all", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(value), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (values, hasFraction) => {
          const texts = values.map((each) => (each === null ? "" : String(each)));
          const lines = [...texts, ...(hasFraction ? ["1.5"] : [])].map((text, at) => `${at},${text}`);
          const { form, rows, bad } = await read(["x,id", ...lines].join("\n"));
          const all = values.filter((each) => each !== null);
          const within = (least: bigint, most: bigint) => all.every((each) => each >= least && each <= most);
          const whole = within(-(2n ** 63n), 2n ** 63n - 1n)
            ? "int64"
            : within(0n, 2n ** 64n - 1n)
              ? "uint64"
              : "string";
          const type = hasFraction ? "float64" : all.length === 0 ? "string" : whole;
          expect(form.fields.map((field) => nameOfType(field.type))).toEqual(["int64", type]);
          expect(bad).toEqual([]);
          const shown = (each: bigint) =>
            type === "float64" ? Number(each) : type === "string" ? `${each}` : `${each}n`;
          const expected = values.map((each, at) => ({
            x: `${at}n`,
            id: each === null ? null : shown(each),
          }));
          expect(rows.slice(0, values.length)).toEqual(expected);
        },
      ),
      { numRuns: 80 },
    );
  });
});

describe("CSV values that do not fit their type", () => {
  it.each([
    ["date", ["infinity", "-infinity", "epoch", "2020-01-01 10:00:00", "2020-01-01T10"], "2020-01-31"],
    ["timestamp", ["infinity", "-Infinity", "epoch", " infinity"], "2020-01-31 10:00:00"],
    ["float64", ["1e400", "-1e400"], "inf"],
    ["float32", ["1e39", "-3.5e38"], "-3.4e38"],
  ])(
    "values outside the type %s are bad and not replaced by the nearest value",
    async (type, texts, good) => {
      const { rows, bad } = await read(
        ["x,v", ...[good, ...texts].map((text, at) => `${at},${text}`)].join("\n"),
        { types: { v: type } },
      );
      expect(bad.map(({ row }) => row)).toEqual(texts.map((_, at) => at + 1));
      expect(rows[0]).not.toBeNull();
    },
  );

  it.each(["infinity", "epoch", "-infinity"])(
    "the word %s is bad in a column of dates with a format",
    async (word) => {
      const csv = { ...CSV, dateFormat: "%d.%m.%Y" };
      const { bad } = await read(`x,d\n1,31.12.2020\n2,${word}\n`, { csv, types: { d: "date" } });
      expect(bad.map(({ row }) => row)).toEqual([1]);
    },
  );

  it("a line that is too long is bad with its own reason", async () => {
    const { bad } = await read(`x,s\n1,a\n2,${"b".repeat(33 << 20)}\n3,c\n`);
    expect(bad.map(({ message }) => message)).toEqual([
      expect.stringContaining("it is longer than 32.0 MiB"),
    ]);
  });
});
