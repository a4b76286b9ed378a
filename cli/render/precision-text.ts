import { formatBytes, formatCount, formatSeconds } from "../../shared/core/units.ts";
import type {
  JobPrecision,
  OutputAccuracy,
  PrecisionReport,
  WorstRow,
} from "../../shared/domain/accuracy.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";

const MAX_OUTPUTS = 10;
/** Of each output, on a terminal: the manifest has more. */
const MAX_WORST = 3;

/** What a check of a converted model found: a line, and a table of the outputs. */
export function precisionText(report: PrecisionReport, style: Style = plainStyle): string {
  const { precision, originalBytes, convertedBytes, rows, failedRows, seconds, outputs } = report;
  const failed = failedRows === 0 ? "" : `, ${formatCount(failedRows)} of which it fails on`;
  const sizes = `${formatBytes(originalBytes)} as it came, ${formatBytes(convertedBytes)} as ${precision}`;
  const title = `the model is ${sizes}; compared on ${counted(rows, "row")}${failed} in ${formatSeconds(seconds)}`;
  if (rows === 0) return title;
  const columns = [
    "output",
    "largest error",
    "of its size",
    "rows beyond",
    "mean error",
    "cosine, mean",
    "least",
    "agreement",
  ];
  const table = renderTable({ columns, rows: outputs.map(outputRow) }, style, { maxRows: MAX_OUTPUTS });
  return [title, table, ...worstLines(outputs)].join("\n");
}

/** The rows that are furthest off, by their place. */
function worstLines(outputs: readonly OutputAccuracy[]): string[] {
  return outputs
    .slice(0, MAX_OUTPUTS)
    .flatMap(({ tensor, worst }) =>
      worst.slice(0, MAX_WORST).map((row) => `  ${oneLine(tensor)}, ${worstRowText(row)}`),
    );
}

/** `row 17 of a.parquet, value 3: 0.32 where 0.01 is due`. */
function worstRowText({ file, row, index, expected, found }: WorstRow): string {
  const short = (value: string) =>
    Number.isFinite(Number(value)) ? String(Number(Number(value).toPrecision(6))) : value;
  return `row ${row} of ${oneLine(file)}, value ${index}: ${short(found)} where ${short(expected)} is due`;
}

/**
 * A job's precision and how good it is, in a few words: of several outputs the worst. Null for a model as it
 * came. `int8: cosine 0.9995 on average, 0.9979 at least; agreement 97.7 % (256 rows compared)`
 */
export function precisionLine(found: JobPrecision | null): string | null {
  if (found === null) return null;
  const { precision, check } = found;
  if (check === null) return `${precision}, not compared with the original`;
  const { rows, failedRows, outputs } = check;
  const least = (figures: readonly (number | null)[]) => {
    const known = figures.filter((figure) => figure !== null);
    return known.length === 0 ? null : Math.min(...known);
  };
  const mean = least(outputs.map(({ meanCosine }) => meanCosine));
  const worst = least(outputs.map(({ leastCosine }) => leastCosine));
  const agreement = least(outputs.map((output) => output.agreement));
  const figures = [
    ...(mean === null || worst === null
      ? []
      : [`cosine ${mean.toFixed(5)} on average, ${worst.toFixed(5)} at least`]),
    ...(agreement === null ? [] : [`agreement ${percent(agreement)}`]),
    ...(failedRows === 0 ? [] : [`fails on ${counted(failedRows, "row")}`]),
  ];
  const compared = `(${counted(rows, "row")} compared)`;
  return figures.length === 0
    ? `${precision} ${compared}`
    : `${precision}: ${figures.join("; ")} ${compared}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function outputRow(output: OutputAccuracy): string[] {
  const {
    tensor,
    maxError,
    maxRelative,
    beyondRows,
    meanError,
    meanCosine,
    leastCosine,
    agreement,
    notFiniteRows,
  } = output;
  return [
    notFiniteRows === 0 ? tensor : `${tensor} (${counted(notFiniteRows, "row")} not finite)`,
    short(maxError),
    maxRelative === null ? "" : short(maxRelative),
    formatCount(beyondRows),
    short(meanError),
    meanCosine === null ? "" : meanCosine.toFixed(5),
    leastCosine === null ? "" : leastCosine.toFixed(5),
    agreement === null ? "" : percent(agreement),
  ];
}

function short(value: number): string {
  return value === 0 ? "0" : value.toPrecision(3);
}
