import { afterAll, describe, expect, it } from "vitest";
import { FormatReaders } from "../../../shared/dataset/open-input-file.ts";
import { plainAndBad } from "../../support/read-rows.ts";
import { csvForm } from "./csv-text.ts";
import { fieldsOf, openText } from "./text-files.ts";

const readers = new FormatReaders();
afterAll(() => readers[Symbol.asyncDispose]());

function isOfType(type: string, value: number): boolean {
  const bounds: Readonly<Record<string, readonly [number, number]>> = {
    int64: [-(2 ** 63), 2 ** 63],
    int8: [-128, 127],
    uint16: [0, 65_535],
  };
  const [least, most] = bounds[type] ?? [0, 0];
  return Number.isInteger(value) && value >= least && value <= most;
}

describe("values of CSV", () => {
  it.each([
    [".", ["1", "+5", " 7 ", "1.", ".5", "1e3", "-2.50", "007"], ["0x1F", "0b11", "1_000", "1,5", "1,000.5"]],
    [",", ["1", "1,5", ",5", "1,", "1,5e3", "-2,50"], ["1.234", "1.5", "1.234,5", "1_000,5", "0x1F"]],
  ] as const)(
    "CSV with the decimal mark %j accepts decimal numbers and rejects other notations",
    async (decimal, right, wrong) => {
      for (const type of ["float64", "float32", "int64", "int8", "uint16"]) {
        const fields = fieldsOf({ n: type });
        const form = csvForm([], { fields, delimiter: ";", decimal });
        const { file } = await openText(Buffer.from(["n", ...right, ...wrong].join("\n")), form, { readers });
        using _ = file;
        const { rows, bad } = await plainAndBad(file);
        // Compared with JavaScript's parser.
        const numbers = right.map((text) => Number(text.replace(",", ".")));
        const fits = (value: number) => type.startsWith("float") || isOfType(type, value);
        const found = rows.map((row) =>
          row === null ? null : Number.parseFloat(String((row as { n: unknown }).n)),
        );
        expect(found).toEqual([
          ...numbers.map((value) => (fits(value) ? value : null)),
          ...wrong.map(() => null),
        ]);
        expect(bad).toHaveLength(found.filter((value) => value === null).length);
      }
    },
  );

  it("a CSV line with a list that has an item of another type is a bad line", async () => {
    const types = { f: "float32[]", i: "int64[]", n: "int32[][]", s: "string[]" };
    const fields = fieldsOf(types);
    const lines = [
      "f;i;n;s",
      "[1, 2.5, NA];[3, -4];[[1], [], [2, 3]];[a, 'b, c']",
      "[1, x];[3];[];[]",
      "[1];[3.5];[];[]",
      "[1];[0x1F];[];[]",
      "[1];[3];[[1], [2, y]];[]",
      "[1];[3;[];[]",
      "[];[];[];[]",
    ];
    const form = csvForm([], { fields, delimiter: ";", nulls: ["", "NA"] });
    const { file } = await openText(Buffer.from(lines.join("\n")), form, { readers });
    using _ = file;
    const { rows, bad } = await plainAndBad(file);
    expect(rows[0]).toEqual({ f: [1, 2.5, null], i: ["3n", "-4n"], n: [[1], [], [2, 3]], s: ["a", "b, c"] });
    expect(rows[6]).toEqual({ f: [], i: [], n: [], s: [] });
    expect(bad.map(({ message }) => /column (\w)/.exec(message)?.[1])).toEqual(["f", "i", "i", "n", "i"]);
  });
});
