/** Limit of compared names: the time grows with the product of the lengths. */
const MAX_NAME_CHARS = 100;

/**
 * Finds the candidate that `name` most likely means. Undefined: none is near. Short names allow one edit,
 * longer ones about a third of their letters. Case alone costs half an edit, and ties go to the first. In
 * names of three letters, a changed letter makes another name (`gpu`, `cpu`). A lost or swapped letter does
 * not (`pth`).
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  if (name.length > MAX_NAME_CHARS) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(name.length / 3));
  for (const candidate of candidates) {
    if (candidate === name || candidate.length > MAX_NAME_CHARS) continue;
    const distance = nameDistance(name, candidate);
    if (distance < bestDistance || (distance === bestDistance && best === undefined)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Makes a hint to spread into a problem: ``{ hint: "did you mean `pixels`?" }``, or an empty object. */
export function didYouMean(name: string, candidates: Iterable<string>): { readonly hint?: string } {
  const near = nearest(name, candidates);
  return near === undefined ? {} : { hint: `did you mean \`${near}\`?` };
}

function nameDistance(a: string, b: string): number {
  const [lowerA, lowerB] = [a.toLowerCase(), b.toLowerCase()];
  const folded = editDistance(lowerA, lowerB);
  if (folded === 0 && a !== b) return 0.5;
  const isShort = a.length <= 3 && a.length === b.length;
  return isShort && letters(lowerA) !== letters(lowerB) ? Number.POSITIVE_INFINITY : folded;
}

function letters(name: string): string {
  return [...name].sort().join("");
}

/**
 * Counts the insertions, deletions, substitutions and swaps of neighbours that turn `a` into `b`
 * (Damerau-Levenshtein, optimal string alignment).
 */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) cost = Math.min(cost, at(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] ?? Number.POSITIVE_INFINITY;
}
