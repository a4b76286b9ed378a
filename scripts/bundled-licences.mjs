// Writes the terms of the libraries in a bundle: copied code needs its licence.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Name of a file that states the terms of a library. */
const TERMS = /^(licen[cs]e|copying|notice)/i;
const LINE = `\n\n${"-".repeat(80)}\n\n`;

/**
 * Writes `file`: each text of terms once, below the libraries that it applies to.
 *
 * @param metafiles esbuild's description of each bundle
 */
export function writeLicences(root, metafiles, file) {
  const folders = new Set();
  for (const path of metafiles.flatMap(({ inputs }) => Object.keys(inputs))) {
    const [, folder] = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(path) ?? [];
    if (folder !== undefined) folders.add(join(root, folder));
  }
  const titlesByTerms = new Map();
  for (const folder of folders) {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const terms = termsOf(folder);
    const titles = titlesByTerms.get(terms) ?? new Set();
    titlesByTerms.set(terms, titles.add(`${name} ${version} (${license})`));
  }
  const parts = [...titlesByTerms].map(([terms, titles]) => [...[...titles].sort(), "", terms].join("\n"));
  writeFileSync(file, `${parts.sort().join(LINE)}\n`);
}

function termsOf(folder) {
  const files = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && TERMS.test(entry.name),
  );
  return files.map(({ name }) => readFileSync(join(folder, name), "utf8").trim()).join("\n\n");
}
