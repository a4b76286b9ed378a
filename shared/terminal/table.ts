import { plainStyle, type Style } from "./style.ts";
import { counted, oneLine, pad, truncate, widthOf } from "./text.ts";

/** Content of a table. A cell can be any value. */
export interface TableData {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
  /** Total count if `rows` is only the beginning. */
  readonly totalRows?: number;
}

interface TableLimits {
  /** Limit of shown rows. A last line counts the others. */
  readonly maxRows?: number;
  /** Width of the terminal. Columns that do not fit are skipped, and a last line counts them. */
  readonly terminalColumns?: number;
  /** Limit of a cell's width. Longer values end in an ellipsis. */
  readonly maxCellColumns?: number;
}

const GAP = "  ";
const DEFAULT_MAX_ROWS = 50;
const DEFAULT_MAX_CELL_COLUMNS = 60;

/**
 * Renders an aligned text table: column titles, then the rows. Columns of numbers are right-aligned. Null and
 * undefined are blank. Any other value is its usual text on one line. No line ends in blanks.
 */
export function renderTable(
  { columns, rows, totalRows = rows.length }: TableData,
  style: Style = plainStyle,
  limits: TableLimits = {},
): string {
  const shown = rows.slice(0, limits.maxRows ?? DEFAULT_MAX_ROWS);
  const maxCell = limits.maxCellColumns ?? DEFAULT_MAX_CELL_COLUMNS;
  const all = columns.map((title, index) => {
    const values = shown.map((row) => row[index]);
    const cells = [title, ...values.map(cellText)].map((cell) => truncate(oneLine(cell), maxCell));
    return { cells, width: Math.max(...cells.map(widthOf)), align: alignmentOf(values) };
  });
  const fitting = all.slice(0, countFitting(all, limits.terminalColumns ?? Number.POSITIVE_INFINITY));
  const lines = [...Array(shown.length + 1).keys()].map((line) =>
    fitting
      .map(({ cells, width, align }) => pad(cells[line] ?? "", width, align))
      .join(GAP)
      .trimEnd(),
  );
  const [head = "", ...body] = lines;
  return [
    style.bold(head),
    ...body,
    ...omittedLines(totalRows - shown.length, "more row", style),
    ...omittedLines(all.length - fitting.length, "more column", style),
  ].join("\n");
}

function omittedLines(count: number, noun: string, style: Style): string[] {
  return count > 0 ? [style.dim(`... ${counted(count, noun)}`)] : [];
}

/** Returns how many columns fit, from the left: at least one. */
function countFitting(all: readonly { readonly width: number }[], columns: number): number {
  let used = -GAP.length;
  const firstOver = all.findIndex(({ width }) => {
    used += GAP.length + width;
    return used > columns;
  });
  return firstOver < 0 ? all.length : Math.max(1, firstOver);
}

function alignmentOf(values: readonly unknown[]): "left" | "right" {
  const given = values.filter((value) => value !== null && value !== undefined);
  const numeric = given.every((value) => typeof value === "number" || typeof value === "bigint");
  return numeric && given.length > 0 ? "right" : "left";
}

function cellText(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "" : value.toISOString();
  if (typeof value !== "object") return String(value);
  return JSON.stringify(value, (_key, inner: unknown) => (typeof inner === "bigint" ? Number(inner) : inner));
}
