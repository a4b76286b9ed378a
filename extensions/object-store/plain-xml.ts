/**
 * Called with the names of the elements around a text, outermost first. The text and the innermost element's
 * attributes follow.
 */
type OnText = (path: readonly string[], text: string, attributes: Attributes) => void;

/** Called when an element ends. */
type OnEnd = (path: readonly string[]) => void;

type Attributes = Readonly<Record<string, string>>;

/** Receiver of the texts and ends of a document's elements. */
export interface XmlEvents {
  readonly onText: OnText;
  readonly onEnd?: OnEnd;
}

/** Begins of constructs that listings lack: comments, CDATA and DOCTYPE. Also a fault in a text. */
const NOT_PLAIN = ["<!", "]]>"];
/** Characters that XML forbids, and the carriage return, which it replaces. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const FORBIDDEN = /[\0-\x08\x0b-\x1f\ufffe\uffff]/;
const DECLARATION = /^<\?xml version="1\.0"(?: encoding="utf-8")?(?: standalone="(?:yes|no)")? ?\?>/i;
const NOT_BLANK = /[^ \t\n]/;
const TAG = /^([A-Za-z_][\w.-]*)((?: +[A-Za-z_][\w.:-]*="[^"<&\t\n]*")*) *(\/?)$/;
const ATTRIBUTE = / ([^ =]+)="([^"]*)"/g;
const ENTITY = /&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([\da-fA-F]{1,6}));|&/g;
const NAMED: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', apos: "'" };

const NO_ATTRIBUTES: Attributes = {};

interface Tag {
  readonly name: string;
  readonly attributes: Attributes;
  readonly isEmpty: boolean;
}

/**
 * Reads a plain document some ten times as fast as a general parser. A document is plain if it has only
 * elements, attributes in double quotes, texts, and predefined entities.
 *
 * Law: a plain document has the events of `XmlReader`.
 *
 * @returns false for any other document, after an unknown number of events
 */
export function readPlainXml(text: string, { onText, onEnd }: XmlEvents): boolean {
  if (NOT_PLAIN.some((begin) => text.includes(begin)) || FORBIDDEN.test(text)) return false;
  // A document repeats a few tags.
  const tags = new Map<string, Tag | null>();
  const path: string[] = [];
  let attributes = NO_ATTRIBUTES;
  let isEnded = false;
  const close = (content: string) => {
    if (content !== "") onText(path, content, attributes);
    onEnd?.(path);
    path.pop();
    isEnded = path.length === 0;
  };
  let at = DECLARATION.exec(text)?.[0].length ?? 0;
  for (;;) {
    const opens = text.indexOf("<", at);
    const before = opens < 0 ? text.slice(at) : opens === at ? "" : text.slice(at, opens);
    if (path.length === 0 && NOT_BLANK.test(before)) return false;
    if (opens < 0) return isEnded;
    const closes = text.indexOf(">", opens);
    if (closes < 0) return false;
    at = closes + 1;
    if (text.charCodeAt(opens + 1) === SLASH) {
      const name = path.at(-1);
      if (name === undefined || closes - opens - 2 !== name.length) return false;
      if (!text.startsWith(name, opens + 2)) return false;
      const content = unescaped(before);
      if (content === null) return false;
      close(content);
      continue;
    }
    const source = text.slice(opens + 1, closes);
    let tag = tags.get(source);
    if (tag === undefined) {
      tag = tagOf(source);
      tags.set(source, tag);
    }
    if (tag === null || isEnded || unescaped(before) === null) return false;
    path.push(tag.name);
    attributes = tag.attributes;
    if (tag.isEmpty) close("");
  }
}

const SLASH = 47;

/** Parses a tag. Null: it is not plain. */
function tagOf(source: string): Tag | null {
  const [whole, name = "", rest = "", slash] = TAG.exec(source) ?? [];
  if (whole === undefined) return null;
  const pairs = [...rest.matchAll(ATTRIBUTE)].map(([, key = "", value = ""]) => [key, value] as const);
  const attributes = Object.fromEntries(pairs);
  if (Object.keys(attributes).length !== pairs.length) return null;
  return { name, attributes, isEmpty: slash === "/" };
}

/** Replaces the entities in a text. Null: the text has an unknown entity. */
function unescaped(text: string): string | null {
  if (!text.includes("&")) return text;
  // The etags of most stores have no other entity.
  const quoted = text.replaceAll("&quot;", '"');
  if (!quoted.includes("&")) return quoted;
  let isKnown = true;
  const result = text.replace(ENTITY, (_all, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return NAMED[name] ?? "";
    const code = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
    isKnown &&= isCharacter(code);
    return isKnown ? String.fromCodePoint(code) : "";
  });
  return isKnown ? result : null;
}

/** Checks a character by the rules of XML 1.0. NaN is none. */
function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd;
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code >= 0x10000 && code <= 0x10ffff);
}
