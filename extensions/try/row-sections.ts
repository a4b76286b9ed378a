import { formatCount } from "../../shared/core/units.ts";
import { showType } from "../../shared/dataset/field-differences.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import { FILE_KEYS, INPUTS, STEPS } from "../../shared/domain/features.ts";
import type { FileView, Picture, Preview } from "../../shared/extension/feature-viewer.ts";
import type { TokensView } from "../../shared/extension/step-viewer.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { counted, oneLine, widthOf } from "../../shared/terminal/text.ts";
import type { RowTrace, RunTrace, Shown, ShownValue, StepTrace, TensorTrace } from "./row-trace.ts";
import { isLong, rangeText, shownText, wholeNumbers } from "./shown-text.ts";

export interface RowTextOptions {
  readonly columns: number;
  readonly style: Style;
  /** Formats previews as terminal lines. Without picture support there are none. */
  readonly pictures: (previews: readonly Preview[]) => readonly string[];
}

/** Name, type and values of an entry. Each value has a limit of lines. */
export type Entry = readonly [
  name: string,
  type: string,
  ...values: (readonly [text: string, lines: number])[],
];

/** Section of a row's trace: a title and lines. */
export interface Section {
  readonly title: string;
  readonly note: string;
  readonly parts: readonly { readonly heading: string; readonly entries: readonly Entry[] }[];
  readonly lines: readonly string[];
}

/** Line limits of a text and of a list of tokens. A passage of text needs several lines. */
export const MOST_LINES = 4;
const MOST_TOKEN_LINES = 6;
/** Indentation of nested lines. */
export const INDENT = "  ";

/** Returns the sections of a row's trace, in order. */
export function sectionsOf(trace: RowTrace, options: RowTextOptions): readonly Section[] {
  const { fate, read, prepare, finish, runs } = trace;
  const which = (index: number) => (runs.length > 1 ? ` ${index + 1} of ${runs.length}` : "");
  return [
    shownSection("columns read", read),
    ...prepare.map((step) => stepSection(step, options)),
    ...runs.flatMap((run, index) => runSections(run, which(index))),
    ...finish.map((step) => stepSection(step, options)),
    ...(fate.kind === "published" ? [shownSection("columns out", fate.rows)] : []),
  ];
}

function shownSection(title: string, shown: Shown): Section {
  const note = shown.rows === 1 ? "" : counted(shown.rows, "row");
  return { title, note, parts: partsOf(shown), lines: moreParts(shown) };
}

/** Returns a part for each row. */
function partsOf({ columns, rows }: Shown, failed: StepTrace["failed"] = []): Section["parts"] {
  if (columns.length === 0) return [];
  const failedRows = new Set(failed.map(({ row }) => row));
  const shown = Math.max(0, ...columns.map(({ values }) => values.length));
  const live = [...Array(shown).keys()].filter((part) => !failedRows.has(part));
  return live.map((part) => ({
    heading: rows > 1 ? `row ${part + 1} of ${rows}` : "",
    entries: columns.map(
      ({ name, type, values }): Entry => [
        columnName(name),
        showType(type),
        valueText(type, values[part] ?? null),
      ],
    ),
  }));
}

/** Shortens the generated name of a column that is computed for an input to the input's name. */
function columnName(name: string): string {
  return oneLine(name.replace(/^shardmill:/, ""));
}

/** Formats a value. Texts get more lines than numbers. */
function valueText(type: FieldType, value: ShownValue): readonly [text: string, lines: number] {
  const isText = typeof value === "string" || (isLong(value) && value.long === "characters");
  return [shownText(value, wholeNumbers(type)), isText ? MOST_LINES : 1];
}

function moreParts({ columns, rows }: Shown): readonly string[] {
  const more = rows - (columns[0]?.values.length ?? rows);
  return more > 0 ? [`... ${counted(more, "more row")}`] : [];
}

/** Keys that identify a kind of step. */
const SAYS_KIND: readonly string[] = ["sql", ...[...STEPS, ...INPUTS].map(({ key }) => key), ...FILE_KEYS];

function stepSection(step: StepTrace, options: RowTextOptions): Section {
  const { where, kind, rowsIn, made, failed, tokens, pictures } = step;
  const isSame = rowsIn === made.rows;
  const rows = `${counted(rowsIn, "row")} in, ${made.rows === 0 ? "none" : formatCount(made.rows)} out`;
  const input = INPUTS.find(({ step }) => step.kind === kind);
  const makes = input !== undefined || pictures !== null ? [] : partsOf(made, failed);
  const passes = makes.length === 0 && isSame && tokens.length === 0 && !pictures?.length;
  return {
    title: where,
    note: [
      ...(SAYS_KIND.some((key) => where.endsWith(`.${key}`)) ? [] : [kind]),
      ...(isSame ? [] : [rows]),
      ...(passes && failed.length === 0 ? [input?.nothing ?? "passes"] : []),
    ].join(", "),
    parts: makes,
    lines: [
      ...tokens.flatMap((each, index) => tokenLines(each, tokens.length > 1 ? index : null, options)),
      ...(pictures ?? []).flatMap((each) => pictureLines(each, options)),
      ...(makes.length > 0 ? moreParts(made) : []),
      ...failed.map(({ row, code, message }) =>
        options.style.bad(
          `${made.rows > 1 ? `row ${row + 1} of ${made.rows}: ` : ""}${code}: ${oneLine(message)}`,
        ),
      ),
    ],
  };
}

/** Formats tokens with their ids: `12 tokens: [CLS] 101  the 1996  cat 4937 ...`. */
function tokenLines(
  { count, isTruncated, tokens }: TokensView,
  index: number | null,
  { columns, style }: RowTextOptions,
): string[] {
  const lines: string[] = [];
  let [line, width, shown] = ["", 0, 0];
  const room = columns - 2 * INDENT.length;
  for (const { id, text } of tokens) {
    const piece = visible(text);
    const pieceColumns = widthOf(piece) + 1 + String(id).length;
    const gap = width === 0 ? 0 : 2;
    if (width + gap + pieceColumns > room && width > 0) {
      lines.push(line);
      [line, width] = ["", 0];
      if (lines.length === MOST_TOKEN_LINES) break;
    }
    line += `${width === 0 ? "" : "  "}${style.accent(piece)} ${style.dim(String(id))}`;
    width += (width === 0 ? 0 : 2) + pieceColumns;
    shown += 1;
  }
  if (width > 0) lines.push(line);
  const more = count > shown ? [style.dim(`... ${counted(count - shown, "more token")}`)] : [];
  const of = index === null ? "" : `row ${index + 1}: `;
  const cut = isTruncated ? style.warn(", truncated") : "";
  return [`${of}${counted(count, "token")}${cut}`, ...[...lines, ...more].map((each) => `${INDENT}${each}`)];
}

/** Makes blanks and line breaks visible, because they are tokens, too. */
function visible(text: string): string {
  return oneLine(text.replaceAll(" ", "·").replaceAll("\n", "⏎").replaceAll("\t", "⇥")) || "∅";
}

function pictureLines({ before, after }: FileView, { pictures }: RowTextOptions): string[] {
  const sizeOf = ({ width, height, channels }: Picture) =>
    `${width} x ${height}${channels === 1 ? ", grey" : ""}`;
  const size = after === null ? sizeOf(before) : `${sizeOf(before)} in, ${sizeOf(after)} to the model`;
  return [size, ...pictures([before, after].flatMap((picture) => picture?.preview ?? []))];
}

function runSections({ inputs, outputs }: RunTrace, which: string): readonly Section[] {
  const section = (title: string, tensors: readonly TensorTrace[]): Section => ({
    title: `${title}${which}`,
    note: "",
    parts: [{ heading: "", entries: tensors.map(tensorEntry) }],
    lines: [],
  });
  return [
    section("model input", inputs),
    ...(outputs.length === 0 ? [] : [section("model output", outputs)]),
  ];
}

function tensorEntry({ name, dtype, dims, range, notFinite, first }: TensorTrace): Entry {
  const odd = notFinite === 0 ? [] : [`${formatCount(notFinite)} not finite`];
  const bounds = range === null ? [] : [rangeText(range)];
  const values = first.map((value) => shownText(value)).join(" ");
  const total = dims.reduce((product, dim) => product * dim, 1);
  const more = total > first.length ? " ..." : "";
  const type = `${dtype} [${dims.join(", ")}]`;
  // A range and a mean of one value add nothing.
  if (total === 1 && first.length === 1) return [oneLine(name), type, [values, 1]];
  return [
    oneLine(name),
    type,
    ...(dtype === "string" ? [] : ([[[...bounds, ...odd].join(", ") || "no values", 1]] as const)),
    ...(first.length === 0 ? [] : ([[`${values}${more}`, 1]] as const)),
  ];
}
