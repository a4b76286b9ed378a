import { renderJobFileReference } from "../shared/job-file/job-file-reference.ts";
import { jobSpecJsonSchema } from "../shared/job-file/json-schema.ts";
import { commandNames, helpOf } from "./command-line.ts";
import { renderTypeReference } from "./type-reference.ts";

/** Lines of this length fit into a page. */
const COLUMNS = 100;

const BEGIN = "<!-- generated: begin (npm run docs) -->";
const END = "<!-- generated: end -->";

/** The pages with generated parts, as they must be: made from the objects that the code itself uses. */
export async function referencePages(read: (path: string) => string): Promise<Record<string, string>> {
  return {
    "docs/job-file.md": withGenerated(read("docs/job-file.md"), renderJobFileReference()),
    "docs/types.md": withGenerated(read("docs/types.md"), renderTypeReference()),
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

function codeBlock(text: string): string {
  return ["```text", text.trimEnd(), "```"].join("\n");
}

function withGenerated(page: string, generated: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no place between ${BEGIN} and ${END}`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${generated.trimEnd()}\n\n${page.slice(end)}`;
}
