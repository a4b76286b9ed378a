import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CsvForm } from "../../../extensions/csv-json/op.ts";
import type { RecordSink, ScannedRecord } from "../../../extensions/csv-json/record-sink.ts";
import { csvMarks, scanCsv } from "../../../extensions/csv-json/scan-csv.ts";
import { csvForm, soundCsv } from "./csv-text.ts";

/** A sink that records the places of records. */
class Found implements RecordSink {
  readonly records: ScannedRecord[] = [];
  readonly blanks: number[] = [];
  readonly #shift: number;

  constructor(shift = 0) {
    this.#shift = shift;
  }

  record({ start, end, next, lines, values }: ScannedRecord): void {
    const shift = this.#shift;
    this.records.push({ start: start + shift, end: end + shift, next: next + shift, lines, values });
  }

  blank(next: number): void {
    this.blanks.push(next + this.#shift);
  }
}

function scanAll(bytes: Buffer, form: CsvForm, shift = 0): Found {
  const found = new Found(shift);
  expect(scanCsv(bytes, 0, { marks: csvMarks(form), isEnd: true }, found)).toBe(bytes.length);
  return found;
}

const FORMS = [csvForm([]), csvForm([], { escape: "\\" }), csvForm([], { quote: "", escape: "" })];

/** Malformed text, as some programs write it. */
const garbage = fc
  .array(fc.constantFrom("a", ",", '"', '""', "\\", "\n", "\r", "\r\n", " ", '","', '"\n'), { maxLength: 40 })
  .map((pieces) => Buffer.from(pieces.join("")));

describe("records of CSV", () => {
  it("each written record is found with its number of values", () => {
    fc.assert(
      fc.property(soundCsv(6), ({ form, text, rows }) => {
        const bytes = Buffer.from(text.replace("\ufeff", ""));
        const { records } = scanAll(bytes, form);
        expect(records.map(({ values }) => values)).toEqual(
          Array.from({ length: rows.length + 1 }, () => form.fields.length),
        );
      }),
      { numRuns: 300 },
    );
  });

  it("every byte is in exactly one record, line end or empty line", () => {
    fc.assert(
      fc.property(garbage, fc.constantFrom(...FORMS), (bytes, form) => {
        const { records, blanks } = scanAll(bytes, form);
        const ends = [...records.map(({ next }) => next), ...blanks].sort((a, b) => a - b);
        const starts = [0, ...ends.slice(0, -1)];
        for (const { start, end, next } of records) {
          expect(starts[ends.indexOf(next)]).toBe(start);
          expect(end).toBeGreaterThan(start);
          expect(["", "\n", "\r", "\r\n"]).toContain(bytes.toString("latin1", end, next));
        }
        expect(ends.at(-1) ?? 0).toBe(bytes.length);
      }),
      { numRuns: 500 },
    );
  });

  it("records are the same when the bytes arrive in pieces", () => {
    fc.assert(
      fc.property(garbage, fc.constantFrom(...FORMS), fc.nat(40), (bytes, form, cut) => {
        const whole = scanAll(bytes, form).records;
        const first = new Found();
        const marks = csvMarks(form);
        const piece = bytes.subarray(0, cut);
        const seen = scanCsv(piece, 0, { marks, isEnd: piece.length === bytes.length }, first);
        const rest = scanAll(bytes.subarray(seen), form, seen);
        expect([...first.records, ...rest.records]).toEqual(whole);
      }),
      { numRuns: 1_000 },
    );
  });

  it("records between the starts of two records are the same without the bytes around them", () => {
    fc.assert(
      fc.property(garbage, fc.constantFrom(...FORMS), fc.nat(), fc.nat(), (bytes, form, a, b) => {
        const { records } = scanAll(bytes, form);
        const from = records[Math.min(a, b) % Math.max(1, records.length)];
        const to = records[Math.max(a, b) % Math.max(1, records.length)];
        if (from === undefined || to === undefined || from.start > to.start) return;
        const between = scanAll(bytes.subarray(from.start, to.start), form, from.start);
        expect(between.records).toEqual(
          records.filter(({ start }) => start >= from.start && start < to.start),
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ["never closed", 'a,"b\nc,d\ne,f\n', ['a,"b', "c,d", "e,f"], [0, 2, 2]],
    ["closed inside a value", '"a"b,c\n"d",e\n', ['"a"b,c', '"d",e'], [0, 2]],
    ["closed by the next opening quote", 'a,"b\nc,"d"\ne,f\n', ['a,"b', 'c,"d"', "e,f"], [0, 2, 2]],
  ])("a quote that is %s affects one line", (_, text, lines, values) => {
    const bytes = Buffer.from(text);
    const { records } = scanAll(bytes, csvForm([]));
    expect(records.map(({ start, end }) => bytes.toString("utf8", start, end))).toEqual(lines);
    expect(records.map((record) => record.values)).toEqual(values);
  });

  it("records may have spaces around quotes and quotes inside unquoted values", () => {
    const bytes = Buffer.from('1, "a,b" ,5" wide\n');
    expect(scanAll(bytes, csvForm([])).records).toMatchObject([{ values: 3 }]);
  });
});
