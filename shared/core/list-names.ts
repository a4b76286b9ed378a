/** Limit of names in one message: more help no reader. */
const MAX_NAMES_SHOWN = 30;

/** Lists names for a message: ``\`a\`, \`b\` and 3 more``. */
export function listNames(names: readonly string[]): string {
  if (names.length === 0) return "none";
  const shown = names.slice(0, MAX_NAMES_SHOWN).map((name) => `\`${name}\``);
  const more = names.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}
