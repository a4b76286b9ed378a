import fc from "fast-check";
import type { CsvForm } from "../../../extensions/csv-json/op.ts";
import type { Field } from "../../../shared/domain/dataset.ts";

/** Returns a form with a header and columns of text, except for `other`. */
export function csvForm(names: readonly string[], other: Partial<CsvForm> = {}): CsvForm {
  const fields = names.map((name): Field => ({ name, type: { kind: "string" }, nullable: true }));
  return {
    kind: "csv",
    delimiter: ",",
    quote: '"',
    escape: '"',
    skip: 0,
    header: true,
    nulls: [""],
    decimal: ".",
    dateFormat: null,
    timestampFormat: null,
    fields,
    ...other,
  };
}

/** A text as CSV, written correctly, with its rows. Null is an empty value. */
export interface SoundCsv {
  readonly form: CsvForm;
  readonly text: string;
  readonly rows: readonly (readonly (string | null)[])[];
}

const PIECES = [
  "a",
  "7",
  "é",
  "日",
  "😀",
  " ",
  '"',
  '""',
  ",",
  ";",
  "\t",
  "\n",
  "\r\n",
  "\r",
  "\\",
  "\0",
  "#",
];

const cell = fc.record({
  value: fc.array(fc.constantFrom(...PIECES), { maxLength: 4 }).map((pieces) => pieces.join("")),
  quoted: fc.boolean(),
});

/** Returns CSV texts with a limited number of rows, with every reason for quotes. */
export function soundCsv(mostRows: number): fc.Arbitrary<SoundCsv> {
  return fc
    .record({
      columns: fc.integer({ min: 1, max: 4 }),
      delimiter: fc.constantFrom(",", ";", "\t"),
      lineEnd: fc.constantFrom("\n", "\r\n", "\r"),
      mark: fc.constantFrom("", "\ufeff"),
      hasLastEnd: fc.boolean(),
      blankAfter: fc.nat(mostRows),
    })
    .chain((shape) => {
      const row = fc.array(cell, { minLength: shape.columns, maxLength: shape.columns });
      return fc.array(row, { maxLength: mostRows }).map((rows) => written(shape, rows));
    });
}

interface Shape {
  readonly columns: number;
  readonly delimiter: string;
  readonly lineEnd: string;
  readonly mark: string;
  readonly hasLastEnd: boolean;
  readonly blankAfter: number;
}

function written(
  { columns, delimiter, lineEnd, mark, hasLastEnd, blankAfter }: Shape,
  cells: readonly (readonly { readonly value: string; readonly quoted: boolean }[])[],
): SoundCsv {
  const names = Array.from({ length: columns }, (_, index) => `c${index}`);
  const lines = [names.join(delimiter)];
  const rows = cells.map((row, index) => {
    const isQuoted = row.map(({ value, quoted }) => {
      const must = [delimiter, "\n", "\r"].some((each) => value.includes(each)) || /^ *"/.test(value);
      // An empty line is no record.
      return quoted || must || (value === "" && columns === 1);
    });
    const values = row.map(({ value }, at) =>
      isQuoted[at] === true ? `"${value.replaceAll('"', '""')}"` : value,
    );
    lines.push(values.join(delimiter));
    if (index === blankAfter) lines.push("");
    return row.map(({ value }, at) => (value === "" && isQuoted[at] !== true ? null : value));
  });
  const text = `${mark}${lines.join(lineEnd)}${hasLastEnd ? lineEnd : ""}`;
  return { form: csvForm(names, { delimiter }), text, rows };
}
