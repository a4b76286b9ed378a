/**
 * A text that was cut out of a larger one, without that: which else stays in memory for as long as the part
 * does, and of parts there may be millions.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString();
}
