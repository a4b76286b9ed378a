import { basename } from "node:path/posix";
import { LAWS, type Law } from "../shared/domain/laws.ts";
import { ALL_MUTANTS } from "./all-mutants.ts";

const HEAD = `# Laws

What must hold in Shardmill, whatever dies and whenever. Each law has one name, which asserts, the simulator, the planted bugs and
the tests use ([laws.ts](../shared/domain/laws.ts)). This page is made by \`npm run docs\`: it lists the files that name a law.
How the promises to users rest on them is in [reliability](reliability.md).

- **Kept by**: code whose comment explains how it keeps the law.
- **Asserted by**: code that stops when the law is broken; the core's invariants are checked after each step in tests and simulation.
- **Simulator**: where \`npm run sim\` checks it from outside. **Planted bugs**: \`npm run sim:mutants\` breaks the law on purpose.`;

const PRODUCT = /^(coordinator|extensions|worker|shared)\//;
const TABLE = "shared/domain/laws.ts";

/**
 * Renders the page of all laws: the text of each, its reason, and its checks.
 *
 * @param sources the project's TypeScript files, by path from its root
 */
export function lawsPage(sources: ReadonlyMap<string, string>): string {
  const files = [...sources].filter(([path]) => path !== TABLE).sort(([a], [b]) => (a < b ? -1 : 1));
  const sections = (Object.keys(LAWS) as Law[]).map((law) => sectionOf(law, files));
  return `${[HEAD, ...sections].join("\n\n")}\n`;
}

function sectionOf(law: Law, files: readonly (readonly [path: string, text: string])[]): string {
  const naming = (folders: RegExp, name: string) =>
    files.filter(([path, text]) => folders.test(path) && text.includes(name)).map(([path]) => linkTo(path));
  const bugs = ALL_MUTANTS.filter(({ breaks }) => breaks.includes(law));
  const { says, why } = LAWS[law];
  const lists = {
    "Kept by": naming(PRODUCT, `Law \`${law}\``),
    "Asserted by": naming(PRODUCT, `"${law}"`),
    Simulator: naming(/^sim\/(?!.*mutant)/, `"${law}"`),
    "Planted bugs": bugs.map(({ name }) => `\`${name}\``),
    Tests: naming(/^test\//, `"${law}"`),
  };
  const items = Object.entries(lists).filter(([, found]) => found.length > 0);
  return [
    `## ${law}`,
    `${says}\n${why}`,
    items.map(([what, found]) => `- ${what}: ${found.join(", ")}`).join("\n"),
  ].join("\n\n");
}

function linkTo(path: string): string {
  return `[${basename(path)}](../${path})`;
}
