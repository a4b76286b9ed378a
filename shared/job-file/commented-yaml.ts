import { Document, isScalar, type Pair, Scalar, type YAMLMap, YAMLSeq } from "yaml";

/** Key with its value, and the comment lines above it. Entries keep their order. */
export interface CommentedEntry {
  readonly key: string;
  readonly value: CommentedValue;
  readonly above: readonly string[];
}

/**
 * Value of an entry. Entries, items and steps are written on lines of their own, inline values beside the
 * key. `variable` is a reference to a variable of the environment.
 */
type CommentedValue =
  | { readonly entries: readonly CommentedEntry[] }
  | { readonly items: readonly unknown[] }
  | { readonly steps: readonly CommentedEntry[] }
  | { readonly variable: string }
  | { readonly inline: unknown };

/** Characters that would end a comment, or control a terminal. */
const BREAKS = /[\p{Control}\u2028\u2029\u0085\ufeff]+/gu;

/**
 * Writes a job file with comments. All texts are read back unchanged. Texts that YAML would read as another
 * type are quoted. `${` is doubled, because it would begin a variable.
 *
 * @param head comment lines at the top
 */
export function commentedYaml(entries: readonly CommentedEntry[], head: readonly string[]): string {
  const document = new Document();
  document.commentBefore = comment(head);
  const contents = mapOf(entries, document);
  for (const { key } of contents.items.slice(1)) if (isScalar(key)) key.spaceBefore = true;
  document.contents = contents;
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function mapOf(entries: readonly CommentedEntry[], document: Document): YAMLMap {
  const map = document.createNode({}) as YAMLMap;
  map.flow = false;
  for (const { key, value, above } of entries) {
    const node = nodeOf(value, document);
    const keyNode = scalar(key);
    if (above.length > 0) keyNode.commentBefore = comment(above);
    map.items.push(document.createPair(keyNode, node) as Pair);
  }
  return map;
}

function nodeOf(value: CommentedValue, document: Document) {
  if ("entries" in value) return mapOf(value.entries, document);
  if ("inline" in value) return document.createNode(quoted(value.inline), { flow: true });
  if ("variable" in value) return quotedText(`\${${value.variable}}`);
  const list = new YAMLSeq();
  if ("steps" in value) {
    list.items = value.steps.map((step) => mapOf([step], document));
    return list;
  }
  list.items = value.items.map((item) => document.createNode(quoted(item), { flow: true }));
  return list;
}

function comment(lines: readonly string[]): string {
  return lines.map((line) => ` ${line.replace(BREAKS, " ")}`).join("\n");
}

/** Returns a value whose texts are escaped for a job file. */
function quoted(value: unknown): unknown {
  if (typeof value === "string") return scalar(value.replaceAll("${", () => "$${"));
  if (Array.isArray(value)) return value.map(quoted);
  if (value === null || typeof value !== "object") return value;
  return new Map(Object.entries(value).map(([key, inner]) => [scalar(key), quoted(inner)]));
}

/** Texts that all versions of YAML read as the same text. */
const PLAIN = /^[A-Za-z_./][\w./*-]*$/;
const WORDS = /^(y|n|yes|no|on|off|true|false|null)$/i;

function quotedText(text: string): Scalar {
  const node = new Scalar(text);
  node.type = Scalar.QUOTE_DOUBLE;
  return node;
}

function scalar(text: string): Scalar {
  const node = new Scalar(text);
  if (!PLAIN.test(text) || WORDS.test(text)) node.type = Scalar.QUOTE_DOUBLE;
  return node;
}
