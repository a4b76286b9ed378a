import type { FieldType } from "../../shared/domain/dataset.ts";
import { dayOf } from "../../shared/domain/partition.ts";

/** Bits of whole numbers. */
const BITS: Readonly<Record<string, number>> = { int8: 8, int16: 16, int32: 32, int64: 64 };

/**
 * Returns the value of a partition column in the form of statistics. Whole numbers, days, microseconds and
 * unscaled decimals are digits, and truth is 0 or 1. Texts stay as they are. Undefined: the text is not a
 * value of the type. Null: no file can have a partition of the type.
 */
export function partitionValue(text: string, type: FieldType): string | undefined | null {
  switch (type.kind) {
    case "string":
      return text;
    case "numeric":
      return numberText(text, type.type);
    case "date": {
      const day = dayOf(text);
      return day === null ? undefined : String(day);
    }
    case "timestamp":
      return microseconds(text);
    case "decimal":
      return unscaled(text, type);
    default:
      return null;
  }
}

function numberText(text: string, type: string): string | undefined {
  if (type === "bool")
    return /^(true|false)$/i.test(text) ? String(Number(text.toLowerCase() === "true")) : undefined;
  const bits = BITS[type];
  if (bits === undefined) return floatText(text, type);
  if (!/^-?\d{1,20}$/.test(text)) return undefined;
  const value = BigInt(text);
  return value === BigInt.asIntN(bits, value) ? String(value) : undefined;
}

function floatText(text: string, type: string): string | undefined {
  if (/^[+-]?(inf|infinity)$/i.test(text)) return text.startsWith("-") ? "-Infinity" : "Infinity";
  if (/^nan$/i.test(text)) return "NaN";
  if (!/^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text)) return undefined;
  const value = Number(text);
  const rounded = type === "float32" ? Math.fround(value) : value;
  return Object.is(rounded, -0) ? "-0" : String(rounded);
}

const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})?$/;

/** A timestamp without a zone is in UTC, as other readers of Delta tables take it. */
function microseconds(text: string): string | undefined {
  const [, date = "", hours, minutes, seconds, fraction = "", zone = "Z"] = TIMESTAMP.exec(text) ?? [];
  const day = dayOf(date);
  const [h, m, s] = [Number(hours), Number(minutes), Number(seconds)];
  const isTime = h < 24 && m < 60 && s < 60 && !/[1-9]/.test(fraction.slice(6));
  if (day === null || !isTime) return undefined;
  const [, sign, zoneHours, zoneMinutes] = /^([+-])(\d{2}):(\d{2})$/.exec(zone) ?? [];
  const shift = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * (sign === "-" ? -1 : 1);
  const whole = BigInt(((day * 24 + h) * 60 + m - shift) * 60 + s);
  return String(whole * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0")));
}

function unscaled(
  text: string,
  { precision, scale }: { readonly precision: number; readonly scale: number },
): string | undefined {
  const [, sign, whole = "", fraction = ""] = /^([+-]?)(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (whole === "" || /[1-9]/.test(fraction.slice(scale))) return undefined;
  const digits = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  if (String(digits).length > precision) return undefined;
  return String(sign === "-" ? -digits : digits);
}
