import type { LongValue, Range, ShownValue } from "../../estimate/try/row-trace.ts";
import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { oneLine } from "./text.ts";

const DIGITS = 4;

/** A value as people read it, on one line: `"text"`, `[1, 2, 3]`, `12.3 KiB: ff d8 ff ...`. */
export function shownText(value: ShownValue): string {
  if (value === null) return "null";
  if (typeof value === "number") return numberText(value);
  if (typeof value === "string") return quoted(value);
  if (typeof value !== "object") return String(value);
  if (isList(value)) return `[${value.map(shownText).join(", ")}]`;
  if (isLong(value)) return longText(value);
  return `{${Object.entries(value)
    .map(([name, inner]) => `${oneLine(name)}: ${shownText(inner)}`)
    .join(", ")}}`;
}

/** `0 to 255, mean 23.5`. */
export function rangeText({ min, max, mean }: Range): string {
  return `${numberText(min)} to ${numberText(max)}, mean ${numberText(mean)}`;
}

/** With as many digits as tell two values apart. */
function numberText(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  return String(Number(value.toPrecision(DIGITS)));
}

/** What cannot be seen in a text is written out: line breaks are what preprocessing goes wrong by. */
function quoted(text: string): string {
  return oneLine(JSON.stringify(text));
}

function longText({ long, length, range, first }: LongValue): string {
  switch (long) {
    case "bytes":
      return bytesText(length, String(first));
    case "characters":
      return `${quoted(String(first))} ... ${formatCount(length)} characters`;
    case "items":
      return `${formatCount(length)}${range === null ? "" : `, ${rangeText(range)}`}: ${isList(first) ? first.map(shownText).join(" ") : ""} ...`;
  }
}

/** Only the beginning of something long. */
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
