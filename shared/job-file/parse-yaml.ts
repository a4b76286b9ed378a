import { type Document, type LineCounter, type ParsedNode, parseDocument, type YAMLError } from "yaml";
import { messageOf, type Problem } from "../core/errors.ts";

/** Limit of syntax problems, because one early mistake can make every later line invalid. */
const MAX_SYNTAX_PROBLEMS = 50;

/**
 * `uniqueKeys` is off because the library compares each key with all others. The tree reader detects repeated
 * keys at no extra cost.
 */
const YAML_OPTIONS = { version: "1.2", prettyErrors: false, strict: true, uniqueKeys: false } as const;

/** Parses a document, with its faults. Returns an Error if the parser itself fails. */
export function parseYaml(text: string, lineCounter: LineCounter): Document.Parsed<ParsedNode> | Error {
  try {
    return parseDocument(text, { ...YAML_OPTIONS, lineCounter });
  } catch (error) {
    // Not expected, but hostile text may make the parser throw other errors, such as an exhausted stack.
    return new Error(`the YAML cannot be read: ${messageOf(error)}`);
  }
}

/** Returns the syntax problems, at most one for each place. */
export function syntaxProblems(
  faults: readonly YAMLError[],
  text: string,
  lineOf: (offset: number) => string,
): readonly Problem[] {
  const byPlace = new Map<string, Problem>();
  for (const fault of faults) {
    const where = lineOf(fault.pos[0]);
    if (!byPlace.has(where)) byPlace.set(where, { where, what: wordFault(fault), ...hintOn(fault, text) });
    if (byPlace.size === MAX_SYNTAX_PROBLEMS) break;
  }
  return [...byPlace.values()];
}

function wordFault(fault: YAMLError): string {
  if (fault.code === "MULTIPLE_DOCS")
    return "a second YAML document starts here, and a job file has only one";
  if (fault.code === "RESOURCE_EXHAUSTION") return "nested too deeply to be read";
  const message = fault.message.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Faults for a second key on a line, most often a colon and a blank within SQL, as in `a[1 : n]`. */
const COLON_FAULTS: ReadonlySet<string> = new Set(["BLOCK_AS_IMPLICIT_KEY", "BLOCK_IN_FLOW"]);
const QUOTE_COLON =
  "put the value in quotes, or write it on its own lines after `>-`: a colon before a blank makes a key";

/**
 * Returns a hint for common mistakes, such as `{ path: ${X} }`. YAML reads the braces of such a reference as
 * its own.
 */
function hintOn(fault: YAMLError, text: string): { readonly hint?: string } {
  const lineStart = text.lastIndexOf("\n", fault.pos[0] - 1) + 1;
  const isReference = text.slice(lineStart, fault.pos[1] + 1).includes("${");
  if (isReference) return { hint: 'inside { } and [ ], put a reference in quotes: "$' + '{NAME}"' };
  return COLON_FAULTS.has(fault.code) ? { hint: QUOTE_COLON } : {};
}
