import type { Zod } from "../core/zod.ts";
import type { ColumnValues, OpProblem, Scores } from "./output-op.ts";

/** More names are a typing error. */
const MAX_LABELS = 100_000;

/** Key of the ops whose columns hold classes. Planning replaces a column by the names of its classes. */
export const labelsKey = (z: Zod) =>
  z
    .union([
      z.array(z.string()).min(1).max(MAX_LABELS),
      z.strictObject({ column: z.string().min(1).describe("Column of the input whose classes have names.") }),
      z.strictObject({
        file: z
          .string()
          .min(1)
          .describe(
            "File with a label in each line, a JSON list, or a JSON group: labels by index, or indices by label.",
          ),
      }),
      z.strictObject({
        metadata: z
          .string()
          .min(1)
          .describe("Key of the model's metadata, in one of the forms of such a file."),
      }),
    ])
    .exactOptional()
    .describe(
      "With `argmax`, `topK`, `threshold`, `columns`, `boxes` or `ctc`: the names of the classes in index order. The column then holds names, " +
        "or is named by one. `{ column: label }` takes the names of that column's classes from the input, where Hugging Face's " +
        "`datasets` wrote it (ClassLabel). `{ file: names.txt }` reads a file, and `{ metadata: names }` the model's metadata. " +
        "Default: the names that the model or its folder gives. With `op: ctc`: the characters. The blank may be omitted, or the blank and a space as the last class.",
    );

/** Labels in a binding. Null: the column holds class indices. */
export const labelsBinding = (z: Zod) => z.array(z.string()).readonly().nullable();

export function labelProblems(labels: readonly string[] | undefined, classes: number): readonly OpProblem[] {
  if (labels === undefined || labels.length === classes) return [];
  return [
    {
      key: "labels",
      what: "not one label for each class",
      expected: `${classes} labels`,
      found: `${labels.length} labels`,
    },
  ];
}

/**
 * Returns the index of a row's greatest score, the first one of equal scores. NaN counts as greater than any
 * number.
 */
export function greatestIndex({ values, width }: Pick<Scores, "values" | "width">, row: number): number {
  const first = row * width;
  let best = first;
  // A local copy: reading it again for every score made 1,000 scores a tenth slower.
  let greatest = values[first] ?? 0;
  for (let index = first + 1; index < first + width; index += 1) {
    const score = values[index] ?? 0;
    if (!isGreater(score, greatest)) continue;
    best = index;
    greatest = score;
  }
  return best - first;
}

/**
 * Writes the indices of a row's `count` greatest scores to `target`, from element `from` on. The greatest is
 * first, and the lower index comes first among equal scores. It sorts by insertion, because `count` is small
 * and most scores are below the last.
 */
export function greatestIndices(
  { values, width }: Scores,
  row: number,
  target: ColumnValues,
  { from, count }: { readonly from: number; readonly count: number },
): void {
  const first = row * width;
  const last = from + count - 1;
  let found = from;
  for (let index = 0; index < width; index += 1) {
    const score = values[first + index] ?? 0;
    if (found > last && !isGreater(score, values[first + (target[last] ?? 0)] ?? 0)) continue;
    let place = Math.min(found, last);
    while (place > from && isGreater(score, values[first + (target[place - 1] ?? 0)] ?? 0)) {
      target[place] = target[place - 1] ?? 0;
      place -= 1;
    }
    target[place] = index;
    if (found <= last) found += 1;
  }
}

export function greatestScore(scores: Scores, row: number): number {
  return scores.values[row * scores.width + greatestIndex(scores, row)] ?? 0;
}

/**
 * Returns the sum of a row's exp(score - greatest), in which no exponent overflows. Adds in the order of the
 * scores, so the sum is reproducible.
 */
export function expSum({ values, width }: Scores, row: number, greatest: number): number {
  let sum = 0;
  for (let index = row * width; index < (row + 1) * width; index += 1) {
    sum += Math.exp((values[index] ?? 0) - greatest);
  }
  return sum;
}

/**
 * Checks whether `a` comes before `b`. NaN counts as greater than any number. Not exported, because V8 does
 * not inline exported functions: a row of ten scores took 22 ns instead of 15.
 */
function isGreater(a: number, b: number): boolean {
  return a > b || (Number.isNaN(a) && !Number.isNaN(b));
}
