import type { z } from "zod";
import type { Problem } from "../core/errors.ts";
import { didYouMean } from "../core/nearest.ts";
import { withoutSecrets } from "../core/without-secrets.ts";
import { isSecretKey, SECRETS_ELSEWHERE } from "../domain/store-spec.ts";
import { choices, describeType, entryNames, knownKeys, schemaAt } from "./json-schema.ts";
import type { KeyPath } from "./key-path.ts";

type Issue = z.core.$ZodIssue;

/** Problem with its key path, but without its place in a file. */
export interface SpecProblem extends Omit<Problem, "where"> {
  readonly path: KeyPath;
  /** Part that is wrong. */
  readonly part: "key" | "value";
}

/**
 * Limit of problems, more than a user corrects at once. Each needs a look-up in the schema, and an untrusted
 * file may have 60,000.
 */
const MAX_PROBLEMS = 100;

/**
 * Converts the schema's issues with `root` to problems: the first {@link MAX_PROBLEMS}, and one that says
 * that there are more. `found` renders the value at a path.
 */
export function issueProblems(
  issues: readonly Issue[],
  root: unknown,
  found: (path: KeyPath, value: unknown) => string,
): readonly SpecProblem[] {
  const problems: SpecProblem[] = [];
  for (const issue of issues) {
    if (problems.length > MAX_PROBLEMS) break;
    problems.push(...wordIssue(issue, [], root, found));
  }
  if (problems.length <= MAX_PROBLEMS) return problems;
  const what = `has more problems than these ${MAX_PROBLEMS}`;
  return [...problems.slice(0, MAX_PROBLEMS), { path: [], part: "value", what }];
}

function wordIssue(
  issue: Issue,
  base: KeyPath,
  root: unknown,
  found: (path: KeyPath, value: unknown) => string,
): readonly SpecProblem[] {
  const path = [...base, ...keysOf(issue.path)];
  if (issue.code === "invalid_union") {
    const chosen = chooseBranch(issue.errors);
    if (chosen !== null) return chosen.flatMap((inner) => wordIssue(inner, path, root, found));
  }
  if (issue.code === "unrecognized_keys")
    return issue.keys.slice(0, MAX_PROBLEMS + 1).map((key) => unknownKey(path, key));
  const value = valueAt(root, path);
  const nodes = schemaAt(path);
  if (issue.code === "invalid_key") {
    const key = String(path.at(-1) ?? "");
    const expected = describeType(entryNames(schemaAt(path.slice(0, -1))));
    return [
      {
        path,
        part: "key",
        what: "not an allowed name",
        expected,
        found: JSON.stringify(withoutSecrets(key).slice(0, 60)),
      },
    ];
  }
  if (issue.code === "custom") return [brokenRule(issue, path)];
  const expected = describeType(nodes);
  if (value === undefined) return missing(path);
  const what = wordCode(issue);
  const hint = hintOn(value, path, expected);
  return [{ path, part: "value", what, expected, found: found(path, value), ...hint }];
}

/** Returns the issues of the union branch that has the value's type. Null: none has. */
function chooseBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const isOtherType = (issue: Issue): boolean =>
    issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
  return branches.find((issues) => issues.length > 0 && !issues.some(isOtherType)) ?? null;
}

/** Reports a missing value, or the required keys below it. */
function missing(path: KeyPath): readonly SpecProblem[] {
  const nodes = schemaAt(path);
  const required = nodes.length === 1 ? (nodes[0]?.required ?? []) : [];
  if (required.length > 0) return required.flatMap((key) => missing([...path, key]));
  return [{ path, part: "key", what: "required, but missing", expected: describeType(nodes) }];
}

function unknownKey(path: KeyPath, key: string): SpecProblem {
  if (path[0] === "stores" && isSecretKey(key)) {
    const what = `\`${key.slice(0, 60)}\` is a secret, which a job file must not contain`;
    return { path: [...path, key], part: "key", what, hint: SECRETS_ELSEWHERE };
  }
  const known = knownKeys(schemaAt(path));
  return {
    path: [...path, key],
    part: "key",
    what: `unknown key \`${key.slice(0, 60)}\``,
    expected: `${known.length === 1 ? "" : "one of "}${known.map((name) => `\`${name}\``).join(", ")}`,
    ...meantKey(key, known),
  };
}

/** Shorter names such as `op` are part of many others. */
const MIN_PART_CHARS = 4;

/** Suggests a similar key, or else one that contains the given one. */
function meantKey(key: string, known: readonly string[]): { readonly hint?: string } {
  const near = didYouMean(key, known);
  if (near.hint !== undefined || key.length < MIN_PART_CHARS) return near;
  const whole = known.find((name) => name.toLowerCase().includes(key.toLowerCase()));
  return whole === undefined ? {} : { hint: `did you mean \`${whole}\`?` };
}

/** Converts the issue of a custom rule (see `refuse` in the schema), which has its own texts. */
function brokenRule(issue: z.core.$ZodIssueCustom, path: KeyPath): SpecProblem {
  const detail = (key: string): Record<string, string> => {
    const text: unknown = issue.params?.[key];
    return typeof text === "string" ? { [key]: text } : {};
  };
  const what = issue.message ?? "not allowed";
  return { path, part: "value", what, ...detail("expected"), ...detail("found"), ...detail("hint") };
}

function wordCode(issue: Issue): string {
  const isNumber = "origin" in issue && (issue.origin === "number" || issue.origin === "int");
  switch (issue.code) {
    case "too_small":
      return isNumber ? "out of range" : "must not be empty";
    case "too_big":
      return isNumber ? "out of range" : "too long";
    case "invalid_value":
      return "not one of the choices";
    case "invalid_format":
      return "not an allowed name";
    default:
      return "wrong type";
  }
}

function hintOn(value: unknown, path: KeyPath, expected: string): { readonly hint?: string } {
  if (typeof value === "string") {
    const near = didYouMean(value, choices(schemaAt(path)));
    if (near.hint !== undefined) return near;
    const isNumber = value.trim() !== "" && Number.isFinite(Number(value));
    return isNumber && expected.includes("number") ? { hint: "write it without quotes" } : {};
  }
  const isBareWord = typeof value === "number" || typeof value === "boolean";
  return isBareWord && expected.startsWith("text") ? { hint: `put it in quotes: "${value}"` } : {};
}

function keysOf(path: readonly PropertyKey[]): KeyPath {
  return path.map((key) => (typeof key === "symbol" ? String(key) : key));
}

function valueAt(root: unknown, path: KeyPath): unknown {
  let value = root;
  for (const key of path) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, key)) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
