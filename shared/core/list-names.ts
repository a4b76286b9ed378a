/** More names than this in one message help nobody. */
const MAX_NAMES_SHOWN = 30;

/** ``\`a\`, \`b\` and 3 more``. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const shown = names.slice(0, MAX_NAMES_SHOWN).map((name) => `\`${name}\``);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
