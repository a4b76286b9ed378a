import type { FieldType } from "../../shared/domain/dataset.ts";

/**
 * Returns the value of a partition as text, in the form of statistics. Whole numbers, days, microseconds and
 * unscaled decimals are digits, and truth is 0 or 1. Undefined: the value is not of the type.
 *
 * @param value as avsc decodes it
 */
export function partitionText(value: unknown, type: FieldType): string | undefined {
  switch (type.kind) {
    case "string":
      return typeof value === "string" ? value : undefined;
    case "numeric":
      if (type.type === "bool") return typeof value === "boolean" ? String(Number(value)) : undefined;
      return isNumber(value) ? (Object.is(value, -0) ? "-0" : String(value)) : undefined;
    case "date":
    case "timestamp":
      return isNumber(value) ? String(value) : undefined;
    case "decimal":
      return value instanceof Uint8Array && value.length > 0 ? String(unscaled(value)) : undefined;
    default:
      return undefined;
  }
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === "number" || typeof value === "bigint";
}

/** Decimals are whole numbers in two's complement, the greatest byte first. */
function unscaled(bytes: Uint8Array): bigint {
  return BigInt.asIntN(8 * bytes.length, BigInt(`0x${Buffer.from(bytes).toString("hex")}`));
}
