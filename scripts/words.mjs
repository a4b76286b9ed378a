// Checks the text of comments, strings, Markdown and commit subjects: npm run words [-- FOLDER ...]. Prints each fault.
// test/words.test.ts runs the same rules on every file.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { parseSync, Visitor } from "oxc-parser";
import { root } from "./step.mjs";

const MOST_WORDS = 20;
const MARKDOWN_WIDTH = 100;
const CELL_WIDTH = 80;
const SUBJECT_LENGTH = 72;
/** Commits whose subjects are checked. Earlier ones stay as they are. */
const SUBJECTS = 50;

/** Words that begin a clause, where a docstring begins with a verb or a noun. */
const CLAUSE =
  /^(what|of|those|whoever|whatever|whichever|where|wherever|whether|who|whom|whose|how|that|by|with|when|whenever|which|while|if|as|from|in|on|at|for|to|it|its|this|these|they|he|she|none|nothing|nobody|not|no|else|without|until|after|before|beside|besides|below|above|beyond|under|over|through|since|because|so|and|but|or|then|there|here|also|only|even|such|left|is|are|was|were|has|have|may|must|can)\b/i;

/**
 * Private words, each with the field's word for it. Code in backticks is not looked at. A word that is also the
 * field's needs its context here: a process that is "dead", and no "dead letter".
 */
const WORDS = [
  [/\bset(s|ting)? aside\b/i, "dead-letter, exclude"],
  [/\blets? go\b|\bletting go\b/i, "release, acknowledge"],
  [/\b(take|takes|taken|took|taking) (it |them |him )?up\b/i, "resume"],
  [/\bbeg(in|ins|an|un) anew\b|\bof its own accord\b/i, "retry, restart"],
  [/\btold\b|\btells\b|\btelling\b/i, "report, return, reply"],
  [
    /\b(is|are|be|been|was|were|lets?|being) (let )?in (by|with|only|at|to)\b|\blet in\b/i,
    "authenticate, authorize",
  ],
  [/\bwho may\b|\bwhoever\b|\bwhosoever\b/i, "caller, peer, user"],
  [/\bthe other side\b/i, "peer"],
  [/\bleft out\b|\bleave(s)? out\b|\bleaving out\b/i, "default, optional; exclude, skip"],
  [/\bput(s|ting)? away\b|\bput(s|ting)? aside\b/i, "exclude, drop"],
  [/\bgiv(e|es|en|ing) out\b|\bgave out\b|\bhand(s|ed|ing)? out\b/i, "assign"],
  [/\bfinds? out\b|\bfound out\b|\bsees? whether\b|\blooks? whether\b/i, "detect, check, verify"],
  [/\bside by side\b/i, "concurrently"],
  [
    /\b(dies|died|dying)\b|\b(is|are|be|been|was|were) dead\b(?![ -]letter)|\bdeaths?\b/i,
    "process exits, thread ends, worker is lost",
  ],
  [/\b(lives|life) (that|of|ends?)\b|\bits life\b|\bits lives\b/i, "process, lifetime"],
  [/\bthe one before\b|\bthe ones before\b|\bthat comes next\b|\bthe one that comes\b/i, "previous, next"],
  [/\bnobody\b|\bno one\b/i, "name the actor"],
  [/\bnone of its\b|\bnot one that\b/i, "unknown, unsupported, invalid"],
  [/\bso much\b|\bas far as\b/i, "limit, bound"],
  [/\bbelieve(s|d)?\b|\bdeaf\b|\bsittings?\b/i, "no metaphors"],
  [/\bstands (in|for|at|on|there)\b/i, "is in, means"],
  [/\bcame of\b|\bcomes of\b|\bcome of\b/i, "result, outcome"],
  [/\bare? settled\b|\bis settled\b|\bsettles?\b(?! (with|on))/i, "acknowledge, resolve"],
];

/**
 * Finds faults in the text of one file.
 *
 * @returns `{line, rule, says}`, where `rule` is one of `first-word`, `sentence`, `word`, `width`, `cell`
 */
export function findTextFaults(path, text) {
  if (extname(path) === ".md") return markdownFaults(text);
  if (extname(path) === ".proto") return protoComments(text).flatMap(commentFaults);
  const { program, comments } = parseSync(path, text);
  return [...commentBlocks(text, comments).flatMap(commentFaults), ...stringFaults(text, program)];
}

/** Private words in strings with several words: messages, help, titles of tests. */
function stringFaults(text, program) {
  const found = [];
  const look = (node) => {
    const value = node.type === "TemplateElement" ? node.value.cooked : node.value;
    if (typeof value !== "string" || !/\w\s+\w+\s+\w/.test(value)) return;
    const faults = wordFaults(value.replace(/`[^`]*`/g, "x"));
    if (faults.length === 0) return;
    const line = text.slice(0, node.start).split("\n").length;
    found.push(...faults.map((fault) => ({ line, ...fault })));
  };
  new Visitor({ Literal: look, TemplateElement: look, JSXText: look }).visit(program);
  return found;
}

function commentFaults({ line, value, isDoc }) {
  const found = [];
  const body = value.split(/(?:^|\n)\s*@(?=[a-z])/)[0];
  if (isDoc && CLAUSE.test(body.trim()))
    found.push({
      line,
      rule: "first-word",
      says: `begins with "${body.trim().split(/\s/)[0]}", not with a verb or a noun`,
    });
  for (const { text, at } of paragraphsOf(value)) {
    for (const { sentence, from } of sentencesOf(text)) {
      const place = line + at + text.slice(0, from).split("\n").length - 1;
      found.push(...sentenceFaults(sentence).map((fault) => ({ line: place, ...fault })));
    }
  }
  return found;
}

function sentenceFaults(sentence) {
  const found = [];
  const words = sentence.split(/\s+/).filter((word) => /\w/.test(word));
  const begin = `${words.slice(0, 5).join(" ")} ...`;
  if (words.length > MOST_WORDS)
    found.push({ rule: "sentence", says: `has ${words.length} words, at most ${MOST_WORDS}: ${begin}` });
  if (sentence.includes(";")) found.push({ rule: "sentence", says: `has a semicolon: ${begin}` });
  return [...found, ...wordFaults(sentence)];
}

function wordFaults(text) {
  return WORDS.flatMap(([pattern, say]) => {
    const [word] = pattern.exec(text) ?? [];
    return word === undefined ? [] : [{ rule: "word", says: `has "${word}"; say: ${say}` }];
  });
}

/** Sentences, with code as one word. A full stop that ends no sentence has no space, or no capital, after it. */
function sentencesOf(text) {
  const plain = text
    .replace(/`[^`]*`/g, (code) => "x".repeat(code.length))
    .replace(/\{(@link [^}]*|[A-Z_]+)\}/g, (code) => "x".repeat(code.length));
  const found = [];
  let from = 0;
  for (const { index, 0: end } of [...plain.matchAll(/[.!?:]["')]*\s+(?=["'(]*[A-Zx`\d])|$/g)]) {
    const sentence = plain.slice(from, index + end.length).trim();
    if (sentence !== "") found.push({ sentence, from });
    from = index + end.length;
  }
  return found;
}

/** Paragraphs and items of lists. Drawings and code, which are indented or in columns, are no text. */
function paragraphsOf(value) {
  const found = [];
  let current = null;
  let isCode = false;
  for (const [at, line] of value.split("\n").entries()) {
    if (/^\s*```/.test(line)) isCode = !isCode;
    const isItem = /^\s*([-*]|\d+\.) /.test(line) || /^\s*@\w/.test(line);
    const isText =
      /\w/.test(line) && !/^ {4,}|[|+]--|-->|^\s*[|+]|\s{3,}\S/.test(line.replace(/^\s*[-*] /, ""));
    if (!isText || isCode) current = null;
    else if (current === null || isItem) {
      current = { text: line, at };
      found.push(current);
    } else current.text += `\n${line}`;
  }
  return found;
}

function commentBlocks(text, comments) {
  const blocks = [];
  for (const { type, value, start, end } of comments) {
    const line = text.slice(0, start).split("\n").length;
    if (/^\s*(biome-|@ts-|\/ )/.test(value)) continue;
    const last = blocks.at(-1);
    const isAlone = /^\s*$/.test(text.slice(text.lastIndexOf("\n", start - 1) + 1, start));
    if (type === "Line" && last?.end === line - 1 && last.isLine && isAlone) {
      last.value += `\n${value.replace(/^ /, "")}`;
      last.end = line;
    } else if (type === "Line") {
      blocks.push({ line, end: line, value: value.replace(/^ /, ""), isDoc: false, isLine: isAlone });
    } else {
      const lines = value
        .replace(/^\*/, "")
        .split("\n")
        .map((each, at) => (at === 0 ? each : each.replace(/^\s*\* ?/, "")));
      blocks.push({
        line,
        end: text.slice(0, end).split("\n").length,
        value: lines.join("\n"),
        isDoc: value.startsWith("*"),
        isLine: false,
      });
    }
  }
  return blocks;
}

function protoComments(text) {
  const blocks = [];
  for (const [at, each] of text.split("\n").entries()) {
    const value = /^\s*\/\/ ?(.*)$/.exec(each)?.[1];
    const last = blocks.at(-1);
    if (value === undefined) continue;
    if (last?.end === at) {
      last.value += `\n${value}`;
      last.end = at + 1;
    } else blocks.push({ line: at + 1, end: at + 1, value, isDoc: false });
  }
  return blocks;
}

function markdownFaults(text) {
  const found = [];
  let isCode = false;
  for (const [at, raw] of text.split("\n").entries()) {
    const line = at + 1;
    if (/^\s*(```|~~~)/.test(raw)) isCode = !isCode;
    if (isCode) continue;
    // Readers see only the text of a link.
    const shown = raw.replace(/\]\([^)]*\)/g, "]");
    const prose = shown.replace(/`[^`]*`/g, "x");
    found.push(...wordFaults(prose).map((fault) => ({ line, ...fault })));
    if (/^\s*\|/.test(raw)) {
      const widest = Math.max(...shown.split(/(?<!\\)\|/).map((cell) => cell.trim().length));
      if (widest > CELL_WIDTH)
        found.push({ line, rule: "cell", says: `a cell has ${widest} characters, at most ${CELL_WIDTH}` });
      continue;
    }
    if (shown.length > MARKDOWN_WIDTH && /\s/.test(shown.trim()))
      found.push({ line, rule: "width", says: `is ${shown.length} wide, at most ${MARKDOWN_WIDTH}` });
    if (!/^#/.test(prose) && /[A-Za-z0-9)`%]{2}\. [A-Z`]/.test(prose) && !/\b(e\.g|i\.e|vs)\. /.test(shown))
      found.push({ line, rule: "width", says: "has more than one sentence" });
  }
  return found;
}

/** Returns the fault of a commit subject. Null: none. */
export function subjectFault(subject) {
  if (/^(Merge|Revert) /.test(subject)) return null;
  if (subject.length > SUBJECT_LENGTH) return `has ${subject.length} characters, at most ${SUBJECT_LENGTH}`;
  if (subject.includes(";")) return "has a semicolon";
  return /^[^ :]+(, [^ :]+)*: [a-z0-9]/.test(subject) ? null : "is not `area: imperative`";
}

/** Subjects of the last commits. */
export function lastSubjects() {
  return git("log", `--max-count=${SUBJECTS}`, "--format=%s").trimEnd().split("\n");
}

function git(...args) {
  return execFileSync("git", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 26 });
}

/** Lists the files whose text is our own. */
export function textFiles() {
  return git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    .split("\0")
    .filter((path) => path !== "" && existsSync(join(root, path)))
    .filter(
      (path) =>
        /\.(ts|tsx|mjs|proto|md)$/.test(path) &&
        // The test of this lint has faults as its data.
        !/^(LICENSE|test\/words\.test\.ts|docs\/(cli|job-file|laws|metrics|types)\.md|proto\/(?!shardmill)|.*\.d\.ts$)/.test(
          path,
        ),
    );
}

function main(folders) {
  let count = 0;
  for (const path of textFiles().filter(
    (each) => folders.length === 0 || folders.some((folder) => each.startsWith(folder)),
  )) {
    for (const { line, rule, says } of findTextFaults(path, readFileSync(join(root, path), "utf8"))) {
      console.log(`${path}:${line}: ${rule}: ${says}`);
      count += 1;
    }
  }
  for (const subject of lastSubjects()) {
    const fault = subjectFault(subject);
    if (fault === null) continue;
    console.log(`commit "${subject}": ${fault}`);
    count += 1;
  }
  console.log(`${count} faults`);
  process.exitCode = count === 0 ? 0 : 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) main(process.argv.slice(2));
