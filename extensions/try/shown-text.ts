import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import { oneLine } from "../../shared/terminal/text.ts";
import type { LongValue, Range, ShownValue } from "./row-trace.ts";

const DIGITS = 4;

/** Formats a number: in full for a column, rounded for a tensor. */
type NumberText = (value: number) => string;

/** Formats a value on one line: `"text"`, `[1, 2, 3]`, `12.3 KiB: ff d8 ff ...`. */
export function shownText(value: ShownValue, write: NumberText = numberText): string {
  if (value === null) return "null";
  if (typeof value === "number") return write(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map((item) => shownText(item, write)).join(", ")}]`;
  if (isLong(value)) return longText(value, write);
  return `{${Object.entries(value)
    .map(([name, inner]) => `${oneLine(name)}: ${shownText(inner, write)}`)
    .join(", ")}}`;
}

/** Returns the full format of a column's numbers. float32 numbers get no spurious digits. */
export function wholeNumbers(type: FieldType): NumberText {
  const { kind } = type;
  if (kind === "list" || kind === "fixedList") return wholeNumbers(type.item);
  if (kind === "dictionary") return wholeNumbers(type.values);
  const isShort = kind === "numeric" && (type.type === "float32" || type.type === "float16");
  return isShort ? shortestFloat32 : String;
}

/** Digits that distinguish any two float32 numbers. */
const FLOAT32_DIGITS = 9;

function shortestFloat32(value: number): string {
  for (let digits = 1; digits < FLOAT32_DIGITS; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return String(short);
  }
  return String(Number(value.toPrecision(FLOAT32_DIGITS)));
}

/** Formats a range: `0 to 255, mean 23.5`. */
export function rangeText({ min, max, mean }: Range): string {
  return `${numberText(min)} to ${numberText(max)}, mean ${numberText(mean)}`;
}

/** Formats a number with enough digits to compare values. */
function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(DIGITS)));
}

/**
 * Quotes a text and escapes invisible characters, because stray line breaks often explain preprocessing
 * faults.
 */
function quoted(text: string): string {
  return oneLine(JSON.stringify(text));
}

function longText({ long, length, range, first }: LongValue, write: NumberText): string {
  switch (long) {
    case "bytes":
      return bytesText(length, String(first));
    case "characters":
      return `${quoted(String(first))} ... ${formatCount(length)} characters`;
    case "items":
      return `${formatCount(length)}${range === null ? "" : `, ${rangeText(range)}`}: ${isList(first) ? first.map((item) => shownText(item, write)).join(" ") : ""} ...`;
  }
}

/** Returns true for a truncated value. */
export function isLong(value: ShownValue): value is LongValue {
  if (value === null || typeof value !== "object") return false;
  const { long, length, first } = value as Partial<LongValue>;
  return ["items", "characters", "bytes"].includes(long ?? "") && length !== undefined && first !== undefined;
}

function bytesText(bytes: number, hex: string): string {
  const pairs = hex.match(/../g) ?? [];
  return `${formatBytes(bytes)}: ${pairs.join(" ")}${pairs.length < bytes ? " ..." : ""}`;
}

function isList(value: ShownValue | undefined): value is readonly ShownValue[] {
  return Array.isArray(value);
}
