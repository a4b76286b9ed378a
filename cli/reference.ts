import { HTTP_FACES } from "../coordinator/access/face-methods.ts";
import { renderJobFileReference } from "../shared/job-file/job-file-reference.ts";
import { jobSpecJsonSchema } from "../shared/job-file/json-schema.ts";
import type { MetricFacts } from "../shared/metrics/metric.ts";
import { SUPERVISOR_METRICS } from "../worker/http/worker-metrics.ts";
import { commandNames, helpOf } from "./command-line.ts";
import { renderTypeReference } from "./type-reference.ts";

/** Width of help that fits into a page. */
const COLUMNS = 100;

const BEGIN = "<!-- generated: begin (npm run docs) -->";
const END = "<!-- generated: end -->";

/** Returns the pages with their generated parts, made from the objects that the code itself uses. */
export async function referencePages(read: (path: string) => string): Promise<Record<string, string>> {
  return {
    "docs/job-file.md": withGenerated(read("docs/job-file.md"), renderJobFileReference()),
    "docs/types.md": withGenerated(read("docs/types.md"), renderTypeReference()),
    "docs/metrics.md": withGenerated(read("docs/metrics.md"), await renderMetricsReference()),
    "docs/cli.md": withGenerated(read("docs/cli.md"), await commandReference()),
    "docs/job.schema.json": `${JSON.stringify(jobSpecJsonSchema(), null, 2)}\n`,
  };
}

async function commandReference(): Promise<string> {
  const sections = [codeBlock(await helpOf(undefined, COLUMNS))];
  for (const name of await commandNames()) {
    sections.push(`## ${name}`, codeBlock(await helpOf(name, COLUMNS)));
  }
  return sections.join("\n\n");
}

/** Returns the tables of docs/metrics.md. */
async function renderMetricsReference(): Promise<string> {
  const ofCoordinator = await Promise.all(HTTP_FACES.map(async (face) => (await face.loadMetrics?.()) ?? []));
  const ofWorkers = ["## Of a `worker --http`", table(SUPERVISOR_METRICS)];
  return ["## Of a coordinator", table(ofCoordinator.flat()), ...ofWorkers].join("\n\n");
}

/** Returns a table of metrics: names, types, labels and help. */
function table(metrics: readonly MetricFacts[]): string {
  const rows = metrics.map(({ name, type, help, labels }) => {
    const named = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${named} | ${help} |`;
  });
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function codeBlock(text: string): string {
  return ["```text", text.trimEnd(), "```"].join("\n");
}

function withGenerated(page: string, generated: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no place between ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${generated.trimEnd()}\n\n${page.slice(end)}`;
}
