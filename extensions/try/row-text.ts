import { errorFromData } from "../../shared/core/errors.ts";
import { formatCount } from "../../shared/core/units.ts";
import { renderError } from "../../shared/terminal/render-error.ts";
import { oneLine, pad, truncate, widthOf, wrapped } from "../../shared/terminal/text.ts";
import {
  type Entry,
  INDENT,
  MOST_LINES,
  type RowTextOptions,
  type Section,
  sectionsOf,
} from "./row-sections.ts";
import type { RowTrace } from "./row-trace.ts";

/** Limits of name and type columns, because values matter more on a narrow terminal. */
const MOST_COLUMNS = { name: 24, type: 34, share: 0.3 };

/**
 * Formats a row's trace through a job:
 *
 * ```
 * ── row 0 ── digits-0.parquet, row 0 ──────────────────── published ──
 * columns read
 *   pixels  fixedList<uint8, 784>  784: 0 0 0 0 12 ...
 * model input
 *   image   float32 [1, 784]       0 to 0.996, mean 0.137: 0 0 0 0 0.047 ...
 * ```
 */
export function rowText(trace: RowTrace, options: RowTextOptions): string {
  const sections = sectionsOf(trace, options);
  const widths = widthsOf(sections, options);
  return [
    headLine(trace, options),
    ...sections.flatMap((section) => sectionLines(section, options, widths)),
    ...fateLines(trace, options),
  ].join("\n");
}

const FATE_WORDS = {
  published: "published",
  filtered: "dropped",
  deadLetter: "dead letter",
  failed: "fails the job",
} as const;

function headLine({ row, file, fileRow, fate }: RowTrace, { columns, style }: RowTextOptions): string {
  const paint = { published: style.good, filtered: style.warn, deadLetter: style.bad, failed: style.bad };
  const name = `row ${formatCount(row)}`;
  const end = FATE_WORDS[fate.kind];
  const room = columns - widthOf(name) - widthOf(end) - "──  ──  ──  ──".length;
  const place = endOf(`${oneLine(file)}, row ${formatCount(fileRow)}`, room);
  const line = "─".repeat(2 + room - widthOf(place));
  return [
    style.dim("──"),
    style.bold(name),
    style.dim("──"),
    place,
    style.dim(line),
    paint[fate.kind](end),
    style.dim("──"),
  ].join(" ");
}

/** Truncates a path at its start, because its end is more specific. */
function endOf(path: string, columns: number): string {
  if (widthOf(path) <= columns) return path;
  return `…${[...path].slice(-Math.max(1, columns - 1)).join("")}`;
}

interface Widths {
  readonly name: number;
  readonly type: number;
}

/** Returns common column widths for all sections of a row, so that they read as one table. */
function widthsOf(sections: readonly Section[], { columns }: RowTextOptions): Widths {
  const entries = sections.flatMap(({ parts }) => parts.flatMap((part) => part.entries));
  const most = (at: 0 | 1) => Math.max(0, ...entries.map((entry) => widthOf(entry[at])));
  const share = Math.floor(columns * MOST_COLUMNS.share);
  return {
    name: Math.min(MOST_COLUMNS.name, share, most(0)),
    type: Math.min(MOST_COLUMNS.type, share, most(1)),
  };
}

function sectionLines(
  { title, note, parts, lines }: Section,
  { columns, style }: RowTextOptions,
  { name: nameColumns, type: typeColumns }: Widths,
): string[] {
  const indent = INDENT.length + nameColumns + 2 + typeColumns + 2;
  const room = Math.max(10, columns - indent);
  const entryLines = ([name, type, ...values]: Entry): string[] => {
    const [first = "", ...more] = values.flatMap(([text, most]) => wrapped(text, room, most));
    const label = style.bold(pad(truncate(name, nameColumns), nameColumns));
    const kind = style.dim(pad(truncate(type, typeColumns), typeColumns));
    return [`${INDENT}${label}  ${kind}  ${first}`, ...more.map((line) => `${" ".repeat(indent)}${line}`)];
  };
  return [
    note === "" ? style.accent(title) : `${style.accent(title)}  ${style.dim(note)}`,
    ...parts.flatMap(({ heading, entries }) => [
      ...(heading === "" ? [] : [`${INDENT}${style.dim(heading)}`]),
      ...entries.flatMap(entryLines),
    ]),
    ...lines.map((line) => `${INDENT}${line}`),
  ];
}

function fateLines({ fate, prepare, finish }: RowTrace, { columns, style }: RowTextOptions): string[] {
  switch (fate.kind) {
    case "published":
      return [];
    case "filtered":
      return [style.warn(`dropped by ${fate.by}`)];
    case "deadLetter": {
      const isSaid = [...prepare, ...finish].some(({ failed }) =>
        failed.some(({ message }) => message === fate.message),
      );
      if (isSaid) return [style.bad(`dead letter, at ${fate.stage}`)];
      const message = wrapped(`${fate.code}: ${oneLine(fate.message)}`, columns - INDENT.length, MOST_LINES);
      return [style.bad(`dead letter, at ${fate.stage}`), ...message.map((line) => `${INDENT}${line}`)];
    }
    case "failed":
      return [renderError(errorFromData(fate.error), style)];
  }
}
