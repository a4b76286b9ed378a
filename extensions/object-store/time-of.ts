/** Parses a store's time, in any form that it sends, to milliseconds since 1970. Undefined: unknown. */
export function timeOf(text: unknown): number | undefined {
  const time = typeof text === "string" ? Date.parse(text) : Number.NaN;
  return Number.isFinite(time) ? time : undefined;
}
