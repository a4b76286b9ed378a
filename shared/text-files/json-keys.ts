/** The keys of objects, each with those of the objects that it holds, in lists or not. */
export type KeyTree = ReadonlyMap<string, KeyTree>;

type GrowingTree = Map<string, GrowingTree>;

/** The keys of all lines that are JSON. They nest no deeper than recursion does. */
export function keysOf(lines: readonly Buffer[]): KeyTree {
  const tree: GrowingTree = new Map();
  for (const line of lines) {
    let value: unknown;
    try {
      value = JSON.parse(line.toString());
    } catch {
      continue;
    }
    addKeys(value, tree);
  }
  return tree;
}

function addKeys(value: unknown, tree: GrowingTree): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) addKeys(item, tree);
    return;
  }
  for (const [key, inner] of Object.entries(value)) {
    const known = tree.get(key);
    const below: GrowingTree = known ?? new Map();
    if (known === undefined) tree.set(key, below);
    addKeys(inner, below);
  }
}

/**
 * What is wrong with keys as names of columns or of a struct's fields; null: nothing. DuckDB does not tell
 * names apart by case (that of ASCII), knows no empty ones, and ends one where it has a NUL.
 */
export function oddKeys(tree: KeyTree): string | null {
  const byLower = new Map<string, string>();
  for (const key of [...tree.keys()].sort()) {
    if (key === "") return "a key that is empty";
    if (key.includes("\0")) return `a key with a NUL character (${JSON.stringify(key)})`;
    const lower = key.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    const other = byLower.get(lower);
    if (other !== undefined) return `keys that differ in case only (${other}, ${key})`;
    byLower.set(lower, key);
  }
  return null;
}

/** Whether an object with these keys, or one in it, is none that a struct can be. */
export function isOddWithin(tree: KeyTree): boolean {
  return oddKeys(tree) !== null || [...tree.values()].some(isOddWithin);
}
