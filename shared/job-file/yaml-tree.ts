import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  type YAMLSeq,
} from "yaml";
import { messageOf, type Problem } from "../core/errors.ts";
import { PATTERN_KEY } from "../domain/job-spec.ts";
import { expandVariables, LONE_REFERENCE } from "./expand-variables.ts";
import { accepts, schemaAt } from "./json-schema.ts";
import type { KeyPath } from "./key-path.ts";
import { parseYaml, syntaxProblems } from "./parse-yaml.ts";
import { literalPattern } from "./path-pattern.ts";
import { SourceMap } from "./source-map.ts";
import { YamlAnchors } from "./yaml-anchors.ts";
import { keyText, YamlMerge } from "./yaml-merge.ts";

/**
 * Limits of a job file, which has a few dozen values. Aliases can multiply nodes without bound, and nesting
 * can exhaust the stack.
 */
const MAX_NODES = 250_000;
const MAX_DEPTH = 32;

/** Job file as plain values, with their places. */
interface YamlTree {
  readonly value: unknown;
  readonly sourceMap: SourceMap;
  readonly problems: readonly Problem[];
  /** Values that already have a problem. Further problems of these values are dropped. */
  readonly faulty: readonly KeyPath[];
  /** The text is not YAML, or is too large, so `value` has no meaning. */
  readonly unreadable: boolean;
}

/**
 * Reads YAML 1.2 as JSON-like values: maps with scalar keys, lists, text, numbers, true, false and null.
 * Expands variables in text values, unless `env` is null. `label` names the file in problems.
 *
 * @param at key path of the value in a job file
 */
export function readYamlTree(
  text: string,
  label: string,
  env: NodeJS.ProcessEnv | null,
  at: KeyPath = [],
): YamlTree {
  const lines = new LineCounter();
  const lineOf = (offset: number): string => {
    const { line, col } = lines.linePos(offset);
    return `${label}:${Math.max(1, line)}:${Math.max(1, col)}`;
  };
  const sourceMap = new SourceMap(lineOf);
  const unreadable = (problems: readonly Problem[]): YamlTree => {
    return { value: null, sourceMap, problems, faulty: [], unreadable: true };
  };
  const parsed = parseYaml(text, lines);
  if (parsed instanceof Error) return unreadable([{ where: `${label}:1:1`, what: messageOf(parsed) }]);
  const faults = [...parsed.errors, ...parsed.warnings];
  if (faults.length > 0) return unreadable(syntaxProblems(faults, text, lineOf));
  const reader = new TreeReader(parsed, sourceMap, lineOf, { env, at });
  const value = parsed.contents === null ? null : reader.read(parsed.contents, [], 0);
  return { value, sourceMap, problems: reader.problems, faulty: reader.faulty, unreadable: reader.tooBig };
}

class TreeReader {
  readonly problems: Problem[] = [];
  readonly faulty: KeyPath[] = [];
  tooBig = false;
  readonly #anchors: YamlAnchors;
  readonly #merge: YamlMerge;
  readonly #sourceMap: SourceMap;
  readonly #lineOf: (offset: number) => string;
  readonly #env: NodeJS.ProcessEnv | null;
  readonly #at: KeyPath;
  #nodes = 0;

  constructor(
    document: Document.Parsed<ParsedNode>,
    sourceMap: SourceMap,
    lineOf: (offset: number) => string,
    { env, at }: { readonly env: NodeJS.ProcessEnv | null; readonly at: KeyPath },
  ) {
    this.#at = at;
    this.#anchors = new YamlAnchors(document);
    this.#merge = new YamlMerge((alias) => this.#anchors.resolve(alias));
    this.#sourceMap = sourceMap;
    this.#lineOf = lineOf;
    this.#env = env;
  }

  /** @param keyOffset offset of the value's key */
  read(node: unknown, path: KeyPath, keyOffset: number): unknown {
    const offset = offsetOf(node) ?? keyOffset;
    if (!this.#fits(path, offset)) return null;
    this.#sourceMap.note(path, { keyOffset, valueOffset: offset, reference: null });
    if (node === null) return null;
    if (isAlias(node)) return this.#readAlias(node, path, keyOffset);
    if (isMap(node)) return this.#readMap(node, path);
    if (isSeq(node) && node.tag !== "tag:yaml.org,2002:omap") return this.#readList(node, path);
    if (isScalar(node)) return this.#readScalar(node, path, { keyOffset, offset });
    return this.#fault(path, "this kind of YAML value is not supported in a job file");
  }

  #fits(path: KeyPath, offset: number): boolean {
    this.#nodes += 1;
    if (this.tooBig) return false;
    if (path.length <= MAX_DEPTH && this.#nodes <= MAX_NODES) return true;
    this.tooBig = true;
    const what = path.length > MAX_DEPTH ? "nested too deeply" : "too many values (aliases multiply them)";
    const expected = path.length > MAX_DEPTH ? `at most ${MAX_DEPTH} levels` : `at most ${MAX_NODES} values`;
    this.problems.push({ where: this.#lineOf(offset), what, expected });
    return false;
  }

  #readAlias(alias: Alias, path: KeyPath, keyOffset: number): unknown {
    const target = this.#anchors.resolve(alias);
    if (target === undefined) {
      return this.#fault(path, `the anchor \`&${alias.source}\` is not defined before this alias`);
    }
    const value = this.read(target, path, keyOffset);
    this.#sourceMap.note(path, { keyOffset, valueOffset: offsetOf(alias) ?? keyOffset, reference: null });
    return value;
  }

  #readMap(map: YAMLMap, path: KeyPath): unknown {
    const value: Record<string, unknown> = {};
    for (const pair of this.#merge.pairsOf(map)) {
      const keyOffset = offsetOf(pair.key) ?? offsetOf(map) ?? 0;
      const key = keyText(pair.key);
      if (key === null || key === "__proto__") {
        this.problems.push({
          where: this.#lineOf(keyOffset),
          what: "this cannot be a key",
          expected: "a plain name",
        });
      } else if (Object.hasOwn(value, key)) {
        this.#fault([...path, key], "this key occurs twice");
      } else value[key] = this.read(pair.value, [...path, key], keyOffset);
    }
    for (const { key, what } of this.#merge.faults.splice(0)) {
      this.problems.push({ where: this.#lineOf(offsetOf(key) ?? 0), what });
    }
    return value;
  }

  #readList(list: YAMLSeq, path: KeyPath): unknown {
    return list.items.map((item, index) => {
      return this.read(item, [...path, index], offsetOf(item) ?? offsetOf(list) ?? 0);
    });
  }

  #readScalar(
    { value, type, source }: Scalar,
    path: KeyPath,
    at: { readonly keyOffset: number; readonly offset: number },
  ): unknown {
    if (typeof value === "string" && this.#env !== null && !this.#isForWorkers(value, path)) {
      const expanded = expandVariables(value, this.#env, isPattern(path) ? literalPattern : undefined);
      for (const fault of expanded.faults) this.#fault(path, fault.what, fault);
      const reference = expanded.fromEnvironment ? value : null;
      this.#sourceMap.note(path, { keyOffset: at.keyOffset, valueOffset: at.offset, reference });
      const isLone = type === "PLAIN" && LONE_REFERENCE.test(value);
      return isLone ? this.#readLone(expanded.text, path) : expanded.text;
    }
    if (
      typeof value === "number" &&
      losesDigits(value, source) &&
      accepts(schemaAt([...this.#at, ...path]), "number")
    ) {
      return this.#faultOfDigits(path);
    }
    const isData = value === null || ["string", "number", "boolean"].includes(typeof value);
    return isData ? value : this.#fault(path, "this kind of YAML value is not supported in a job file");
  }

  /** Checks for references that workers expand, so that a secret does not leave their machines. */
  #isForWorkers(value: string, path: KeyPath): boolean {
    return value.includes("${") && schemaAt([...this.#at, ...path]).some((node) => node.writeOnly === true);
  }

  /**
   * Converts a variable's value to a number or a boolean, if the schema accepts one. A name such as `2024`
   * stays text.
   */
  #readLone(text: string, path: KeyPath): unknown {
    const parsed = parseYaml(text, new LineCounter());
    if (parsed instanceof Error || parsed.errors.length > 0 || !isScalar(parsed.contents)) return text;
    const { value, source } = parsed.contents;
    const nodes = schemaAt([...this.#at, ...path]);
    if (typeof value === "number" && accepts(nodes, "number")) {
      return losesDigits(value, source) ? this.#faultOfDigits(path) : value;
    }
    return typeof value === "boolean" && accepts(nodes, "boolean") ? value : text;
  }

  #faultOfDigits(path: KeyPath): unknown {
    return this.#fault(path, "a whole number beyond 2^53 would be read as another number", {
      expected: "from -9,007,199,254,740,991 to 9,007,199,254,740,991",
      hint: "write it with an exponent, as in 1e16, for the nearest number that can be represented",
    });
  }

  #fault(
    path: KeyPath,
    what: string,
    detail: { readonly expected?: string; readonly hint?: string } = {},
  ): null {
    const { expected, hint } = detail;
    this.problems.push({
      where: this.#sourceMap.where(path, "value"),
      what,
      ...(expected === undefined ? {} : { expected }),
      ...(hint === undefined ? {} : { hint }),
    });
    this.faulty.push(path);
    return null;
  }
}

/** Checks whether float64 cannot represent a whole number exactly. */
function losesDigits(value: number, source: string | undefined): boolean {
  return !Number.isSafeInteger(value) && /^[-+]?(0x[0-9a-f]+|0o[0-7]+|[0-9]+)$/i.test(source ?? "");
}

function isPattern(path: KeyPath): boolean {
  return PATTERN_KEY.every((key, index) => path[index] === key);
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
