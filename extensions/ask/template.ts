/** Text with the values of columns. Each part is a text, or the name of a column. */
export type Template = readonly (string | { readonly column: string })[];

const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/**
 * Parses a text with `{column}` in it. `{{` and `}}` are plain braces.
 *
 * @returns the place of a stray brace as `strayAt`, if there is one
 */
export function parseTemplate(text: string): { readonly parts: Template; readonly strayAt: number | null } {
  const parts: (string | { readonly column: string })[] = [];
  let strayAt: number | null = null;
  let end = 0;
  for (const match of text.matchAll(PART)) {
    const [found, column] = match;
    parts.push(text.slice(end, match.index));
    end = match.index + found.length;
    if (column !== undefined) parts.push({ column });
    else if (found.length === 2) parts.push(found.charAt(0));
    else strayAt ??= match.index;
  }
  parts.push(text.slice(end));
  return { parts: parts.filter((part) => part !== ""), strayAt };
}

/** Returns the columns that a template names, each once. */
export function columnsOf(parts: Template): readonly string[] {
  return [...new Set(parts.flatMap((part) => (typeof part === "string" ? [] : [part.column])))];
}

/** Fills in a template. @param textOf returns the value of a column as text */
export function fillTemplate(parts: Template, textOf: (column: string) => string): string {
  return parts.map((part) => (typeof part === "string" ? part : textOf(part.column))).join("");
}

/** Returns a value as text: texts and numbers as they are, lists and structs as JSON. */
export function valueText(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return String(value);
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === "bigint") return Number(item);
    return ArrayBuffer.isView(item) ? [...(item as Uint8Array)].map(Number) : item;
  });
}
