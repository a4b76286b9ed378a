/** Text that is already HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | null | Markup | readonly Part[];

/**
 * Builds HTML, or SVG in it. Parts are escaped as text, except other markup. Null is empty. Parts in
 * attributes must be in double quotes.
 */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(String.raw({ raw: strings }, ...parts.map(textOf)));
}

function textOf(part: Part): string {
  if (part === null) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Escapes a text. Control characters, and characters that change the writing direction, become the
 * replacement character. Otherwise a name could make a line look like another one.
 */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Bidi_Control}\p{Cs}]/gu, (char) => (/[\n\t]/.test(char) ? char : "\ufffd"))
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}
