import { formatBytes, formatCount, formatSeconds } from "../../../shared/core/units.ts";
import type { ConversionReport, OutputAccuracy, WorstRow } from "../../../shared/domain/accuracy.ts";
import { plainStyle, type Style } from "../../../shared/terminal/style.ts";
import { renderTable } from "../../../shared/terminal/table.ts";
import { counted, oneLine } from "../../../shared/terminal/text.ts";
import type { ConvertedPrecision } from "../onnx/precision.ts";

const MAX_OUTPUTS = 10;
/** Rows of each output on a terminal. The manifest has more. */
const MAX_WORST = 3;

/** Describes the report of a check: a line, and a table of the outputs. */
export function precisionText(
  precision: ConvertedPrecision,
  report: ConversionReport,
  style: Style = plainStyle,
): string {
  const { originalBytes, convertedBytes, rows, failedRows, seconds, outputs } = report;
  const failed = failedRows === 0 ? "" : `, ${formatCount(failedRows)} of which failed`;
  const sizes = `${formatBytes(originalBytes)} originally, ${formatBytes(convertedBytes)} as ${precision}`;
  const title = `the model has ${sizes}, compared on ${counted(rows, "row")}${failed} in ${formatSeconds(seconds)}`;
  if (rows === 0) return title;
  const columns = [
    "output",
    "largest error",
    "relative",
    "rows beyond",
    "mean error",
    "cosine, mean",
    "least",
    "agreement",
  ];
  const table = renderTable({ columns, rows: outputs.map(outputRow) }, style, { maxRows: MAX_OUTPUTS });
  return [title, table, ...worstLines(outputs)].join("\n");
}

/** Lists the rows with the largest errors, by their place. */
function worstLines(outputs: readonly OutputAccuracy[]): string[] {
  return outputs
    .slice(0, MAX_OUTPUTS)
    .flatMap(({ tensor, worst }) =>
      worst.slice(0, MAX_WORST).map((row) => `  ${oneLine(tensor)}, ${worstRowText(row)}`),
    );
}

/** Returns text such as `row 17 of a.parquet, value 3: 0.32 instead of 0.01`. */
function worstRowText({ file, row, index, expected, found }: WorstRow): string {
  const short = (value: string) =>
    Number.isFinite(Number(value)) ? String(Number(Number(value).toPrecision(6))) : value;
  return `row ${row} of ${oneLine(file)}, value ${index}: ${short(found)} instead of ${short(expected)}`;
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
