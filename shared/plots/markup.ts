/** Text that is HTML already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | null | Markup | readonly Part[];

/**
 * HTML, or SVG in it: all that is put in is text, and is escaped, but for other markup. Null is nothing.
 * Put in attributes, a part must stand in double quotes.
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
 * Characters that control, or turn the direction of what follows, are shown as what stands for unknown
 * ones: a name may not make a line look like another.
 */
function escaped(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Bidi_Control}\p{Cs}]/gu, (char) => (/[\n\t]/.test(char) ? char : "\ufffd"))
    .replace(/[&<>"']/g, (char) => ENTITIES[char] ?? "");
}
