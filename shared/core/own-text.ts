/**
 * Copies a text that was cut out of a larger one. Otherwise each part keeps the larger text in memory, and
 * there may be millions of parts.
 */
export function ownText(text: string): string {
  return Buffer.from(text).toString();
}
