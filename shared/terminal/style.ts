import { styleText } from "node:util";

/** Styles of words. Each takes a text and returns it, coloured if enabled. */
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
 * Returns the style for `stream`: colours on a terminal that supports them, unless NO_COLOR is set.
 * FORCE_COLOR enables them anywhere, and overrides NO_COLOR, as in Node. `styleText` applies these rules from
 * the stream and the environment.
 */
export function createStyle(stream: NodeJS.WritableStream): Style {
  return styleOf((format) => (text) => styleText(format, text, { stream, validateStream: true }));
}

/** Style without colours, for files, logs and tests. */
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
