/**
 * What the decoder is asked for, to get `columns`: names, or the paths of what lies within one; null for all
 * columns, of which those that were not asked for are dropped afterwards.
 *
 * The decoder (parquet-wasm 0.8) finds what is within a column by the character behind the name's length in
 * **bytes**: for a name beyond ASCII it looks too far, finds nothing, or traps at the end of the path. A
 * whole path it takes as it is, unless it also looks at a longer one that begins with it.
 *
 * @param pathsOf the paths of all that has values in the file, joined by dots; asked for only where they are
 * needed
 */
export function projectColumns(
  columns: readonly string[],
  fieldCount: number,
  pathsOf: () => readonly (readonly string[])[],
): string[] | null {
  // The decoder compares each name to each path: for thousands of them that takes longer than reading them.
  if (columns.length >= fieldCount) return null;
  if (columns.every(isAscii)) return [...columns];
  const paths = pathsOf();
  const joined = paths.map((path) => path.join("."));
  const wanted = new Set(columns.filter((column) => !isAscii(column)));
  const within = joined.filter((_, index) => wanted.has(paths[index]?.[0] ?? ""));
  if (!within.every((path) => isSafe(path, joined))) return null;
  return [...columns.filter(isAscii), ...within];
}

function isSafe(path: string, all: readonly string[]): boolean {
  const bytes = Buffer.byteLength(path);
  return all.every((other) => other === path || !other.startsWith(path) || [...other].length > bytes);
}

function isAscii(name: string): boolean {
  return Buffer.byteLength(name) === name.length;
}
