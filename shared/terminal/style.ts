import { styleText } from "node:util";

/** How words are told apart. Each takes a text and gives it back, coloured where that is wanted. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly good: (text: string) => string;
  readonly warn: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly accent: (text: string) => string;
}

type Format = Parameters<typeof styleText>[0];

/**
 * Colours for what is written to `stream`: on a terminal that has them, unless NO_COLOR is set; anywhere if
 * FORCE_COLOR is (which wins, as in Node itself). Node knows these rules: `styleText` asks the stream and the
 * environment.
 */
export function createStyle(stream: NodeJS.WritableStream): Style {
  return styleOf((format) => (text) => styleText(format, text, { stream, validateStream: true }));
}

/** Text only: for files, logs and tests. */
export const plainStyle: Style = styleOf(() => (text) => text);

function styleOf(paint: (format: Format) => (text: string) => string): Style {
  return {
    bold: paint("bold"),
    dim: paint("dim"),
    good: paint("green"),
    warn: paint("yellow"),
    bad: paint("red"),
    accent: paint("cyan"),
  };
}
