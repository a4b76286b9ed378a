import type { Comparison } from "./check-model.ts";
import type { RealModel } from "./real-model.ts";

const HEAD = "| model and its job | rows | largest difference | last run |\n|---|---|---|---|\n";

export interface CheckedModel {
  readonly model: RealModel;
  readonly found: Comparison;
}

/** A new version of the page. */
interface PageRun {
  readonly date: string;
  /** Previous text of the page. */
  readonly before: string;
}

/** Formats a comparison in one line: `scores: 2.1e-7; kind: all equal`. */
export function distanceLine({ columns }: Comparison, embeddings: readonly string[]): string {
  return Object.entries(columns)
    .map(([name, found]) => {
      if (found.kind === "labels")
        return `\`${name}\`: ${found.different === 0 ? "all equal" : `${found.different} differ`}`;
      const largest = found.largest === 0 ? "no difference" : found.largest.toExponential(1);
      if (!embeddings.includes(name)) return `\`${name}\`: ${largest}`;
      return `\`${name}\`: ${largest}, cosine at least ${found.leastCosine.toFixed(7)}`;
    })
    .join("; ");
}

/**
 * Replaces the result rows of docs/models.md: a new row for each checked model, and the previous rows of the
 * others. The rest of the page stays.
 *
 * @throws {Error} when a model has no row yet, or the page has no table of results
 */
export function modelsPage(
  models: readonly RealModel[],
  checked: readonly CheckedModel[],
  { date, before }: PageRun,
): string {
  const [head, rest] = before.split(HEAD);
  if (head === undefined || rest === undefined) throw new Error("the page has no table of results");
  const rows = models.map((model) => {
    const run = checked.find((one) => one.model === model);
    return run === undefined ? rowBefore(model, before) : modelRow(run, date);
  });
  return `${head}${HEAD}${rows.map((row) => `${row}\n`).join("")}${rest.replace(/^(\|.*\n)*/, "")}`;
}

function modelRow({ model, found }: CheckedModel, date: string): string {
  const cells = [
    `${linkTo(model)}, ${model.megabytes} MB`,
    String(found.rows),
    distanceLine(found, model.embeddings).replaceAll(";", ","),
    date,
  ];
  return `| ${cells.join(" | ")} |`;
}

function rowBefore(model: RealModel, before: string): string {
  const row = before.split("\n").find((line) => line.startsWith(`| ${linkTo(model)}`));
  if (row === undefined) throw new Error(`${model.source.name} has no row on the page yet: name it, too`);
  return row;
}

function linkTo({ source, title }: RealModel): string {
  return `[${title}](../examples/models/${source.name}/job.yaml)`;
}
