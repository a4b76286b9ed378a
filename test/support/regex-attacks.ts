import { createContext, Script } from "node:vm";
import { type AST, RegExpParser } from "@eslint-community/regexpp";

/** Length at which a quadratic expression takes seconds, and a linear one a millisecond. */
const SHORT_CHARS = 40_000;

/** Far above a linear expression on a busy machine, and far below a quadratic one. */
const SHORT_MS = 8;
const FULL_MS = 3000;

/** Enough for each part of the longest expressions. More would only repeat shorter ones. */
const MOST_PUMPS = 30;
const MOST_PREFIXES = 8;

/** Characters that end most repetitions, so that the expression must try other ways. */
const ENDS = ["\0", "\n"];

/**
 * Feeds an expression texts that repeat each of its parts, after each of its beginnings. Such texts are the
 * worst cases of backtracking. A repetition restarts at each character, or can be divided in several ways.
 *
 * @param chars length of the texts
 * @returns prefix, repeated part and end of a text that takes too long, or null
 */
export function slowText(pattern: string, flags: string, chars: number): string | null {
  const { pumps, prefixes } = partsOf(pattern, flags);
  const search = searchOf(pattern, flags);
  let slowest = { text: (_length: number) => "", shown: "", ms: -1 };
  for (const pump of pumps) {
    for (const prefix of prefixes) {
      for (const end of ENDS) {
        const text = (length: number) => prefix + pump.repeat(Math.ceil(length / pump.length)) + end;
        const shown = JSON.stringify([prefix, pump, end]);
        const ms = search(text(SHORT_CHARS), SHORT_MS);
        if (ms >= SHORT_MS && search(text(chars), FULL_MS) >= FULL_MS) return shown;
        if (ms > slowest.ms) slowest = { text, shown, ms };
      }
    }
  }
  return search(slowest.text(chars), FULL_MS) >= FULL_MS ? slowest.shown : null;
}

/** Returns a function that replaces all matches in a text within a time limit. */
function searchOf(pattern: string, flags: string): (text: string, limitMs: number) => number {
  const all = flags.includes("g") ? flags : `${flags}g`;
  const context = createContext({ expression: new RegExp(pattern, all.replace("y", "")), text: "" });
  const script = new Script("text.replace(expression, ''); undefined");
  return (text, limitMs) => {
    context.text = text;
    const startedMs = performance.now();
    try {
      script.runInContext(context, { timeout: limitMs });
    } catch {
      return limitMs;
    }
    return performance.now() - startedMs;
  };
}

interface Parts {
  /** Texts of one part each, to be repeated. */
  readonly pumps: readonly string[];
  /** Texts that precede a part. */
  readonly prefixes: readonly string[];
}

function partsOf(pattern: string, flags: string): Parts {
  const parser = new RegExpParser();
  const isUnicode = flags.includes("u");
  const root = parser.parsePattern(pattern, 0, pattern.length, {
    unicode: isUnicode,
    unicodeSets: flags.includes("v"),
  });
  const pumps = new Set<string>();
  const prefixes = new Set<string>([""]);
  const walk = (alternatives: readonly AST.Alternative[], before: string): void => {
    for (const { elements } of alternatives) {
      let lead = before;
      let behind = "";
      for (const element of elements) {
        const text = sampleOf(element);
        for (const pump of [text, `${lead}${text}`, `${behind}${text}`]) pumps.add(pump);
        prefixes.add(lead);
        const inner = element.type === "Quantifier" ? element.element : element;
        pumps.add(sampleOf(inner));
        if ("alternatives" in inner) walk(inner.alternatives, lead);
        if (lead !== before) behind += text;
        lead += text;
      }
      pumps.add(lead).add(`\n${lead}`);
    }
  };
  walk(root.alternatives, "");
  const kept = [...pumps].filter((text) => text !== "").slice(0, MOST_PUMPS);
  return { pumps: kept, prefixes: [...prefixes].slice(0, MOST_PREFIXES) };
}

/** Returns a short text that a part matches. Repetitions occur once more than their minimum. */
function sampleOf(element: AST.Element): string {
  switch (element.type) {
    case "Assertion":
    case "Backreference":
      return "";
    case "Quantifier":
      return sampleOf(element.element).repeat(Math.min(Math.max(element.min, 1), element.max));
    case "Group":
    case "CapturingGroup":
      return (element.alternatives[0]?.elements ?? []).map(sampleOf).join("");
    case "Character":
      return String.fromCodePoint(element.value);
    default:
      return characterOf(element);
  }
}

/** Candidates, with letters first: most classes that overlap with others contain them. */
const CANDIDATES = [..."a0A_-./ \t\n\r:@=#\\\"'<>,;"].concat("\u0080", "\u2028", "\ud800", "\uffff", "\0");

function characterOf(element: AST.Element): string {
  const test = new RegExp(`^${element.raw}$`, element.raw.includes("\\p") ? "u" : "");
  return CANDIDATES.find((candidate) => test.test(candidate)) ?? "";
}
