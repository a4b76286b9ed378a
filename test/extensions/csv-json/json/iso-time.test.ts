import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { dayOf, microsOf } from "../../../../extensions/csv-json/json/iso-time.ts";
import { makeTempFolder } from "../../../../shared/core/temp-folder.ts";
import { type LockedDatabase, openLockedDatabase } from "../../../../shared/sql/locked-database.ts";
import { quoteLiteral } from "../../../../shared/sql/quote.ts";

let database: LockedDatabase;
beforeAll(async () => {
  const folder = await makeTempFolder("iso-time");
  database = await openLockedDatabase({ folders: [folder], threads: 1, tempFolder: folder });
});
afterAll(() => database[Symbol.asyncDispose]());

async function judged(text: string) {
  const literal = quoteLiteral(text);
  const [row] = await database.rows(
    `SELECT datediff('day', DATE '1970-01-01', TRY_CAST(${literal} AS DATE))::VARCHAR AS day,
       epoch_us(CAST(TRY_CAST(${literal} AS TIMESTAMP WITH TIME ZONE) AS TIMESTAMP))::VARCHAR AS micros`,
  );
  return row;
}

const digits = (most: number, width: number) =>
  fc.nat(most).map((number) => String(number).padStart(width, "0"));
const date = fc.tuple(
  fc.constantFrom("", "-", "1"),
  digits(3000, 4),
  digits(13, 2),
  digits(32, 2),
  fc.constantFrom("", " (BC)"),
);
const time = fc.tuple(
  digits(25, 2),
  digits(61, 2),
  digits(61, 2),
  fc.constantFrom("", ".5", ".123456", ".9999999", "."),
);
const zone = fc.constantFrom("", "Z", "+02", "-0930", "+05:45", "+00:00:30", " UTC", "-00:00");

it("dates are parsed as DuckDB parses them", async () => {
  await fc.assert(
    fc.asyncProperty(date, async ([sign, year, month, day, era]) => {
      const text = `${sign}${year}-${month}-${day}${era}`;
      const found = dayOf(text);
      expect(found === null ? null : String(found)).toBe((await judged(text))?.day ?? null);
    }),
    { numRuns: 300 },
  );
});

it("timestamps are parsed as DuckDB parses them", async () => {
  await fc.assert(
    fc.asyncProperty(
      date,
      fc.option(time),
      zone,
      fc.constantFrom("T", " "),
      async (parts, clock, offset, between) => {
        const [, year, month, day] = parts;
        const behind =
          clock === null ? "" : `${between}${clock[0]}:${clock[1]}:${clock[2]}${clock[3]}${offset}`;
        const text = `${year}-${month}-${day}${behind}`;
        const found = microsOf(text);
        expect(found === null ? null : String(found)).toBe((await judged(text))?.micros ?? null);
      },
    ),
    { numRuns: 300 },
  );
});

it.each(["infinity", "-infinity", "epoch", "now", "today", "", "2020", "2020-01-01x", "20200101"])(
  "a text in another notation is neither a date nor a timestamp: %s",
  (text) => {
    expect(dayOf(text)).toBeNull();
    expect(microsOf(text)).toBeNull();
  },
);

it("a date with a time is rejected as a date, because the time would be lost", () => {
  expect(dayOf("2020-01-01 10:00:00")).toBeNull();
});
