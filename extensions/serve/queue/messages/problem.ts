import type { Problem } from "../../../../shared/core/errors.ts";

/** A message that cannot be read, and what is wrong with it. */
export interface InvalidMessage {
  readonly kind: "invalid";
  readonly problem: Problem;
}

/** Of what is found in a message: dead letters have it beside the message itself. */
const MOST_FOUND = 120;

export function invalid(where: string, what: string, expected: string, found?: unknown): InvalidMessage {
  return {
    kind: "invalid",
    problem: { where, what, expected, ...(found === undefined ? {} : { found: shown(found) }) },
  };
}

/** As JSON; a text that is none as it is. */
function shown(found: unknown): string {
  // JSON has no word for what its number became: 1e400 is beyond every float.
  if (typeof found === "number" && !Number.isFinite(found)) return "a number beyond float64";
  const text = typeof found === "string" ? found.trim() : JSON.stringify(found);
  return text.length > MOST_FOUND ? `${text.slice(0, MOST_FOUND)}...` : text;
}

/** In one line, as dead letters have it. */
export function invalidReason({ where, what, expected, found }: Problem): string {
  const rest = [
    ...(expected === undefined ? [] : [`expected ${expected}`]),
    ...(found === undefined ? [] : [`found ${found}`]),
  ];
  return `MESSAGE_INVALID: ${where} ${what}${rest.length === 0 ? "" : `: ${rest.join(", ")}`}`;
}
