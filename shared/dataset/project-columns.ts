/**
 * Returns the decoder's request for `columns`: names, or the paths of their parts. Null: all columns, and the
 * caller drops the extra ones.
 *
 * The decoder (parquet-wasm 0.8) finds a column's parts by the character after the name's length in
 * **bytes**. For a name beyond ASCII it looks too far, finds nothing, or traps at the path's end. It accepts
 * a whole path, unless a longer path begins with it.
 *
 * @param pathsOf returns the paths of all columns with values. Called only when needed.
 */
export function projectColumns(
  columns: readonly string[],
  fieldCount: number,
  pathsOf: () => readonly (readonly string[])[],
): string[] | null {
  // The decoder compares each name to each path. For thousands of columns that takes longer than reading
  // them.
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
