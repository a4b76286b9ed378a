import { type Finding, type SourceFile, targetOf } from "./source-file.ts";

/** A file with one importer and fewer lines, blank ones not counted, belongs into it. */
const LEAST_LINES = 30;

const PRODUCT = /^(shared|coordinator|worker|extensions|cli)\//;

/** Small files with one importer that have a reason. */
export const SEAMS: readonly RegExp[] = [
  // One file for each op, source, extension and command: adding one touches its own file and the list.
  /^shared\/(output-ops|input-sources)\//,
  /^extensions\/[^/]+\/extension\.ts$/,
  /^cli\/(cancel|probe|schema|status|workers)\.ts$/,
  // Opens steps of all kinds: tests of each kind open it as a worker does.
  /^shared\/steps\/open-step\.ts$/,
  // Text of data: pure, and tried without what makes the data.
  /^cli\/render\//,
  // Keeps a library where the house knows it, away from who uses it.
  /^shared\/wire\/descriptors\.ts$/,
  // Made by a script, which writes the whole file.
  /^extensions\/image\/resample-wasm\.ts$/,
  // What a library's values are as JSON; its one user is as long as a file may be.
  /^shared\/sql\/json-values\.ts$/,
];

/** Small files of the product that one other file imports (tests not counted). */
export function findFragments(files: readonly SourceFile[], seams = SEAMS): Finding[] {
  const importers = importersByFile(files);
  return files
    .filter(({ path }) => PRODUCT.test(path) && !seams.some((pattern) => pattern.test(path)))
    .flatMap(({ path, text }) => {
      const lines = text.split("\n").filter((line) => line.trim() !== "").length;
      if (lines >= LEAST_LINES) return [];
      const [importer, ...others] = importers.get(path) ?? [];
      if (importer === undefined || others.length > 0) return [];
      return [{ path, line: 1, rule: `has ${lines} lines and one importer: it goes home to ${importer}` }];
    });
}

/** Reasons that no file needs any more. */
export function findUnusedSeams(files: readonly SourceFile[]): string[] {
  const found = findFragments(files, []);
  return SEAMS.filter((pattern) => !found.some(({ path }) => pattern.test(path))).map(String);
}

function importersByFile(files: readonly SourceFile[]): ReadonlyMap<string, ReadonlySet<string>> {
  const importers = new Map<string, Set<string>>();
  for (const { path, imports } of files) {
    if (path.startsWith("test/")) continue;
    for (const { specifier } of imports) {
      const target = targetOf(path, specifier);
      if (target === null || target === path) continue;
      importers.set(target, (importers.get(target) ?? new Set()).add(path));
    }
  }
  return importers;
}
