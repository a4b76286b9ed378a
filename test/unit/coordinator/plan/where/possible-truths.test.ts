import { expect, test } from "vitest";
import { possibleTruths } from "../../../../../coordinator/plan/where/possible-truths.ts";
import type { ComparedAs, CompareOp, Predicate } from "../../../../../coordinator/plan/where/predicate.ts";
import type { ColumnStatistics } from "../../../../../shared/domain/column-statistics.ts";

const ROWS = 4;
const WHOLE: ComparedAs = { kind: "whole", times: 1n, limit: null };
const FLOAT: ComparedAs = { kind: "float", from: "float" };

const compare = (op: CompareOp, value: bigint | number | string, as: ComparedAs = WHOLE): Predicate => ({
  kind: "compare",
  op,
  left: { kind: "column", column: "c", as },
  right: { kind: "constant", value },
});

/** Returns the possible truths of true, false and null: `TFN`. */
function truths(predicate: Predicate, statistics: Partial<ColumnStatistics> | null): string {
  const c = { least: null, greatest: null, nulls: null, ...statistics };
  const may = possibleTruths(predicate, { rows: ROWS, statistics: statistics === null ? {} : { c } });
  return `${may.true ? "T" : ""}${may.false ? "F" : ""}${may.null ? "N" : ""}`;
}

const BOUNDED = { least: "3", greatest: "5", nulls: 0 };

test.for([
  ["=", 2n, "F"],
  ["=", 3n, "TF"],
  ["=", 6n, "F"],
  ["<>", 4n, "TF"],
  ["<>", 6n, "T"],
  ["<", 3n, "F"],
  ["<", 4n, "TF"],
  ["<", 6n, "T"],
  ["<=", 2n, "F"],
  ["<=", 3n, "TF"],
  ["<=", 5n, "T"],
  [">", 5n, "F"],
  [">", 2n, "T"],
  [">=", 6n, "F"],
  [">=", 5n, "TF"],
  [">=", 3n, "T"],
] as const)("values from 3 to 5: c %s %s is %s", ([op, value, expected]) => {
  expect(truths(compare(op, value), BOUNDED)).toBe(expected);
});

test("an unknown value or predicate may have any truth", () => {
  const equals = compare("=", 4n);
  expect(truths(equals, null)).toBe("TFN");
  expect(truths(equals, {})).toBe("TFN");
  expect(truths(equals, { least: "5", greatest: null, nulls: 0 })).toBe("F");
  expect(truths(equals, { least: null, greatest: "3", nulls: null })).toBe("FN");
  expect(truths({ kind: "unknown" }, BOUNDED)).toBe("TFN");
  // A column named like a property of every object has no statistics of its own.
  expect(truths({ kind: "isNull", column: "toString" }, null)).toBe("TF");
});

test("contradictory bounds are ignored", () => {
  expect(truths(compare("=", 9n), { least: "5", greatest: "3", nulls: 0 })).toBe("TF");
});

test("a comparison is null if every value is null", () => {
  const nulls = { nulls: ROWS };
  expect(truths(compare("=", 4n), nulls)).toBe("N");
  expect(truths({ kind: "not", of: compare("=", 4n) }, nulls)).toBe("N");
  expect(truths({ kind: "isTrue", of: compare("=", 4n) }, nulls)).toBe("F");
  expect(truths({ kind: "isNull", column: "c" }, nulls)).toBe("T");
  expect(truths({ kind: "isNull", column: "c" }, { nulls: 0 })).toBe("F");
  expect(truths({ kind: "isNull", column: "c" }, { nulls: 1 })).toBe("TF");
});

test("NaN may exceed any bound, and equals no value within the bounds", () => {
  expect(truths(compare(">", 9, FLOAT), BOUNDED)).toBe("TF");
  expect(truths(compare("=", 9, FLOAT), BOUNDED)).toBe("F");
  expect(truths(compare("<", 9, FLOAT), BOUNDED)).toBe("TF");
  expect(truths(compare("<", 3, FLOAT), BOUNDED)).toBe("F");
});

test("zeros are equal, whatever their signs", () => {
  expect(truths(compare("=", 0, FLOAT), { least: "-0", greatest: "-0", nulls: 0 })).toBe("TF");
  expect(truths(compare("<", 0, FLOAT), { least: "-0", greatest: "0", nulls: 0 })).toBe("F");
});

test("a date of infinity is no bound for a timestamp", () => {
  const asTimestamp: ComparedAs = { kind: "whole", times: 86_400_000_000n, limit: 106_751_991n };
  const endless = { least: "0", greatest: "2147483647", nulls: 0 };
  expect(truths(compare(">", 9_223_372_036_854_775_806n, asTimestamp), endless)).toBe("TF");
  expect(truths(compare("<", 0n, asTimestamp), endless)).toBe("F");
});

test("texts are compared byte by byte", () => {
  const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");
  const range = { least: bytes("a"), greatest: bytes("z"), nulls: 0 };
  expect(truths(compare("=", bytes("é"), { kind: "text" }), range)).toBe("F");
  // In UTF-16 an emoji sorts before U+FFFD, and in bytes after it.
  const last = { least: bytes("\u{fffd}"), greatest: bytes("\u{fffd}"), nulls: 0 };
  expect(truths(compare("<", bytes("😀"), { kind: "text" }), last)).toBe("T");
});

test("AND and OR are combined as in SQL", () => {
  const never = compare("=", 9n);
  const always = compare("<", 9n);
  const some = compare("=", 4n);
  const parts = (kind: "and" | "or", ...of: readonly Predicate[]) => truths({ kind, of }, BOUNDED);
  expect([parts("and", never, some), parts("and", always, some), parts("and", always, always)]).toEqual([
    "F",
    "TF",
    "T",
  ]);
  expect([parts("or", never, some), parts("or", always, some), parts("or", never, never)]).toEqual([
    "TF",
    "T",
    "F",
  ]);
  const unknown: Predicate = { kind: "constant", value: null };
  expect([parts("and", unknown, never), parts("and", unknown, always), parts("or", unknown, never)]).toEqual([
    "F",
    "N",
    "N",
  ]);
});
