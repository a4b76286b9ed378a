import type { FieldType, NumericType } from "../../../../shared/domain/dataset.ts";
import { dayOf } from "../../../../shared/domain/partition.ts";

/**
 * Value of a column until its window closes. Types int64, uint64 and timestamp (in microseconds) are bigint.
 * A date is days since 1970.
 */
export type Value = null | boolean | number | bigint | string | readonly Value[];

/** Result for a JSON value that does not fit its column's type. */
export const MISFIT = Symbol("misfit");

/** Ranges of integer types whose values are kept as numbers. */
const SMALL = {
  int8: [-(2 ** 7), 2 ** 7 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint8: [0, 2 ** 8 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint32: [0, 2 ** 32 - 1],
} as const;
const BIG = {
  int64: { least: -(2n ** 63n), most: 2n ** 63n - 1n },
  uint64: { least: 0n, most: 2n ** 64n - 1n },
} as const;
const MICROSECONDS = 1_000n;

/**
 * Converts a JSON value to a column's value exactly, without rounding, truncation or conversion to text. Null
 * fits any type.
 *
 * @param type type that a job file can name
 */
export function fitted(type: FieldType, json: unknown): Value | typeof MISFIT {
  if (json === null) return null;
  switch (type.kind) {
    case "numeric":
      return fittedNumber(type.type, json);
    case "string":
      return typeof json === "string" && !LONE_SURROGATE.test(json) ? json : MISFIT;
    case "date":
      return (typeof json === "string" ? dayOf(json) : null) ?? MISFIT;
    case "timestamp":
      return typeof json === "string" ? (microsecondsOf(json) ?? MISFIT) : MISFIT;
    case "list":
      return Array.isArray(json) ? fittedList(type.item, json) : MISFIT;
    default:
      throw new Error(`broken invariant: no message has a column of ${type.kind}`);
  }
}

/** A lone surrogate has no UTF-8 encoding, so it would become another text. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function fittedList(item: FieldType, json: readonly unknown[]): Value | typeof MISFIT {
  const items: Value[] = [];
  for (const each of json) {
    const value = fitted(item, each);
    if (value === MISFIT) return MISFIT;
    items.push(value);
  }
  return items;
}

function fittedNumber(type: NumericType, json: unknown): Value | typeof MISFIT {
  switch (type) {
    case "bool":
      return typeof json === "boolean" ? json : MISFIT;
    case "float64":
      return typeof json === "number" && Number.isFinite(json) ? json : MISFIT;
    case "float32":
      return typeof json === "number" && Number.isFinite(Math.fround(json)) ? json : MISFIT;
    case "int64":
    case "uint64": {
      const { least, most } = BIG[type];
      const value = bigOf(json);
      return value !== null && value >= least && value <= most ? value : MISFIT;
    }
    case "float16":
      throw new Error("broken invariant: no job declares float16");
    default: {
      const [least, greatest] = SMALL[type];
      return typeof json === "number" && Number.isInteger(json) && json >= least && json <= greatest
        ? json
        : MISFIT;
    }
  }
}

/**
 * Reads a 64-bit integer. JSON numbers are exact only up to 2^53. Larger ones are strings, as in the JSON of
 * Protocol Buffers.
 */
function bigOf(json: unknown): bigint | null {
  if (typeof json === "number") return Number.isSafeInteger(json) ? BigInt(json) : null;
  if (typeof json !== "string") return null;
  return /^(0|-?[1-9]\d{0,19})$/.test(json) ? BigInt(json) : null;
}

const TIMESTAMP =
  /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(Z|[+-]\d{2}(?::?\d{2})?)?)?$/;

/** Parses ISO 8601 to microseconds. A UTC offset is applied. Without an offset the time counts as UTC. */
function microsecondsOf(text: string): bigint | null {
  const [, date = "", hour = "0", minute = "0", second = "0", fraction = "", zone = "Z"] =
    TIMESTAMP.exec(text) ?? [];
  const day = dayOf(date);
  const [hours, minutes, seconds] = [Number(hour), Number(minute), Number(second)];
  if (day === null || hours > 23 || minutes > 59 || seconds > 59) return null;
  const offset = offsetMinutes(zone);
  if (offset === null) return null;
  const ms = ((day * 24 + hours) * 60 + minutes - offset) * 60_000 + seconds * 1_000;
  return BigInt(ms) * MICROSECONDS + BigInt(fraction.padEnd(6, "0"));
}

function offsetMinutes(zone: string): number | null {
  if (zone === "Z") return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(3).replace(":", ""))];
  if (hours > 23 || minutes > 59) return null;
  return (zone.startsWith("-") ? -1 : 1) * (hours * 60 + minutes);
}

/** Describes the expected values of a column, for people. */
export function expectedOf(type: FieldType): string {
  if (type.kind === "list") return `an array, each item null or ${expectedOf(type.item)}`;
  if (type.kind === "string") return "a text";
  if (type.kind === "date") return 'a day, as in "2026-11-28"';
  if (type.kind === "timestamp") return 'an instant, as in "2026-11-28T13:05:00.25Z"';
  if (type.kind !== "numeric") throw new Error(`broken invariant: no message has a column of ${type.kind}`);
  if (type.type === "bool") return "true or false";
  if (type.type === "float64" || type.type === "float32") return `a number that is a ${type.type}`;
  const beyond = type.type.endsWith("64") ? ", as text where it is beyond 2^53" : "";
  return `a whole number that is an ${type.type}${beyond}`.replace("an uint", "a uint");
}
