import type { Problem } from "../../../../shared/core/errors.ts";

/** Message that cannot be read, and its problem. */
export interface InvalidMessage {
  readonly kind: "invalid";
  readonly problem: Problem;
}

/** Limit of characters shown of a found value. Dead letters contain the whole message anyway. */
const MOST_FOUND = 120;

export function invalid(where: string, what: string, expected: string, found?: unknown): InvalidMessage {
  return {
    kind: "invalid",
    problem: { where, what, expected, ...(found === undefined ? {} : { found: shown(found) }) },
  };
}

/** Formats a found value as JSON. Text is returned as it is. */
function shown(found: unknown): string {
  // JSON would show Infinity as null: 1e400 exceeds every float.
  if (typeof found === "number" && !Number.isFinite(found)) return "a number beyond float64";
  const text = typeof found === "string" ? found.trim() : JSON.stringify(found);
  return text.length > MOST_FOUND ? `${text.slice(0, MOST_FOUND)}...` : text;
}

/** Formats a problem in one line, for dead letters. */
export function invalidReason({ where, what, expected, found }: Problem): string {
  const rest = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
  ];
  return `MESSAGE_INVALID: ${where} ${what}${rest.length === 0 ? "" : `: ${rest.join(", ")}`}`;
}
