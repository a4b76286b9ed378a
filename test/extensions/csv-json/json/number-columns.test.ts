import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import { FormatReaders } from "../../../../shared/dataset/open-input-file.ts";
import { readJsonLines } from "../text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

const read = (lines: readonly string[], types: Readonly<Record<string, string>>) =>
  readJsonLines(readers, lines, types);

const INTEGERS = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] } as const;

/** An integer in an exact JSON notation. */
const notation = fc
  .tuple(
    fc.oneof(
      fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }),
      fc.constantFrom(2n ** 53n + 1n, 2n ** 63n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, 0n),
    ),
    fc.nat(25),
    fc.constantFrom("plain", "point", "exponent", "negative exponent"),
  )
  .map(([value, places, form]) => {
    const sign = value < 0n ? "-" : "";
    const digits = String(value < 0n ? -value : value);
    const cut = Math.min(places, digits.length - 1);
    const [head, tail] = [digits.slice(0, digits.length - cut), digits.slice(digits.length - cut)];
    const texts = {
      plain: `${value}`,
      point: `${value}.${"0".repeat(places + 1)}`,
      exponent: `${sign}${head}.${tail}0e${cut}`,
      "negative exponent": `${value}${value === 0n ? "" : "0".repeat(places)}E-${places}`,
    };
    return { value, text: texts[form as keyof typeof texts] };
  });

it.each(["int64", "uint64"] as const)(
  "whole numbers of %s are read exactly in every notation, or are bad",
  async (type) => {
    const [least, most] = INTEGERS[type];
    await fc.assert(
      fc.asyncProperty(fc.array(notation, { minLength: 1, maxLength: 20 }), async (numbers) => {
        const { rows, bad } = await read(
          numbers.map(({ text }) => `{"i":${text},"l":[1,${text}]}`),
          { i: type, l: `${type}[]` },
        );
        for (const [row, { value }] of numbers.entries()) {
          const fits = value >= least && value <= most;
          expect(bad.has(row)).toBe(!fits);
          if (fits) expect(rows[row]).toEqual({ i: `${value}n`, l: ["1n", `${value}n`] });
        }
      }),
      { numRuns: 60 },
    );
  },
);

it("fractions and numbers that are too large are bad in a column of whole numbers", async () => {
  const texts = [
    "1.5",
    "15e-1",
    "1e-400",
    "9007199254740993.00000000000000000001",
    "1e99999999999999999999",
    "1e21",
  ];
  const { bad } = await read(
    texts.map((text) => `{"i":${text}}`),
    { i: "int64" },
  );
  expect([...bad.keys()]).toEqual(texts.map((_, row) => row));
});

it("numbers are rounded to the nearest float, and a number that is too large is bad", async () => {
  const number = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.constantFrom(
      "1e400",
      "-1e400",
      "1e39",
      "-3.5e38",
      "3.4028235677973366e38",
      "3.40282356e38",
      "1e-400",
      "-0",
      "0.1",
    ),
    fc.bigInt().map(String),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(number, { minLength: 1, maxLength: 20 }), async (texts) => {
      const { rows, bad } = await read(
        texts.map((text) => `{"x":${text}}`),
        { x: "float64" },
      );
      const narrow = await read(
        texts.map((text) => `{"x":${text}}`),
        { x: "float32" },
      );
      for (const [row, text] of texts.entries()) {
        const value = Number(text);
        expect(bad.has(row)).toBe(!Number.isFinite(value));
        if (Number.isFinite(value)) expect(rows[row]).toEqual({ x: value });
        expect(narrow.bad.has(row)).toBe(!Number.isFinite(Math.fround(value)));
        if (Number.isFinite(Math.fround(value))) expect(narrow.rows[row]).toEqual({ x: Math.fround(value) });
      }
    }),
    { numRuns: 60 },
  );
});
