import type { Problem } from "../core/errors.ts";
import { isGroup } from "../core/is-group.ts";
import { SHORTHANDS } from "../domain/job-spec.ts";
import { formatKeyPath, type KeyPath, parseKeyPath } from "./key-path.ts";
import type { SourceMap } from "./source-map.ts";
import { readYamlTree } from "./yaml-tree.ts";

const MAX_LABEL_CHARS = 80;

/**
 * Applies overrides such as `--set map.batch.rows=256` to the values of a job file. An override is a key path
 * and a value in YAML. Missing groups are created, and shorthands are expanded. Lists are replaced whole. A
 * later check reports unknown paths and invalid values.
 */
export function applyOverrides(
  root: Record<string, unknown>,
  overrides: readonly string[],
  sourceMap: SourceMap,
): readonly Problem[] {
  return overrides.flatMap((text) => applyOverride(root, text, sourceMap));
}

function applyOverride(
  root: Record<string, unknown>,
  text: string,
  sourceMap: SourceMap,
): readonly Problem[] {
  const label = `--set ${text.length > MAX_LABEL_CHARS ? `${text.slice(0, MAX_LABEL_CHARS)}...` : text}`;
  const key = parseKeyPath(text);
  if (key === null || text[key.end] !== "=") {
    return [{ where: label, what: "not a key and a value", expected: "KEY=VALUE, as in map.batch.rows=256" }];
  }
  if (key.path.some((part) => typeof part === "number" || part === "__proto__")) {
    return [{ where: label, what: "only keys can be set", hint: "set the whole list: map.keep=[id, label]" }];
  }
  const value = readYamlTree(text.slice(key.end + 1), label, null, key.path);
  if (value.problems.length > 0) return value.problems.map((problem) => ({ ...problem, where: label }));
  const obstacle = setAt(root, key.path.map(String), value.value);
  if (obstacle !== null) {
    return [
      {
        where: label,
        what: `\`${formatKeyPath(obstacle)}\` has no keys below it`,
        expected: "a group of keys",
      },
    ];
  }
  sourceMap.noteOverride(key.path, label);
  return [];
}

/** Sets a value. Returns null, or the path of a value that is not a group. */
function setAt(root: Record<string, unknown>, path: readonly string[], value: unknown): KeyPath | null {
  let group = root;
  for (const [index, key] of path.slice(0, -1).entries()) {
    const here = path.slice(0, index + 1);
    const next = asGroup(Object.hasOwn(group, key) ? group[key] : undefined, here);
    if (next === null) return here;
    group[key] = next;
    group = next;
  }
  const last = path.at(-1);
  if (last !== undefined) group[last] = value;
  return null;
}

function asGroup(value: unknown, path: KeyPath): Record<string, unknown> | null {
  if (value === undefined || value === null) return {};
  if (isGroup(value)) return value;
  const shorthand = SHORTHANDS.find(({ group }) => matches(path, group));
  const isScalar = typeof value === "string" || typeof value === "number";
  return shorthand === undefined || !isScalar ? null : { [shorthand.key]: value };
}

function matches(path: KeyPath, pattern: readonly string[]): boolean {
  return (
    path.length === pattern.length && pattern.every((part, index) => part === "*" || part === path[index])
  );
}
