import { formatBytes, formatCount } from "../../shared/core/units.ts";
import type { Conversion, OutputAccuracy, PrecisionReport } from "../../shared/domain/precision.ts";
import { plainStyle, type Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { counted, oneLine } from "./text.ts";

const MAX_OUTPUTS = 10;

/** What a check of a converted model found: a line, and a table of the outputs. */
export function precisionText(report: PrecisionReport, style: Style = plainStyle): string {
  const { precision, originalBytes, convertedBytes, rows, failedRows, outputs } = report;
  const failed = failedRows === 0 ? "" : `, ${formatCount(failedRows)} of which it fails on`;
  const sizes = `${formatBytes(originalBytes)} as it came, ${formatBytes(convertedBytes)} as ${precision}`;
  const title = `the model is ${sizes}; compared on ${counted(rows, "row")}${failed}`;
  if (rows === 0) return title;
  const columns = ["output", "largest error", "mean error", "cosine, mean", "least", "agreement"];
  return `${title}\n${renderTable({ columns, rows: outputs.map(outputRow) }, style, { maxRows: MAX_OUTPUTS })}`;
}

function outputRow(output: OutputAccuracy): string[] {
  const { tensor, maxError, meanError, meanCosine, leastCosine, agreement, notFiniteRows } = output;
  return [
    notFiniteRows === 0 ? tensor : `${tensor} (${counted(notFiniteRows, "row")} not finite)`,
    short(maxError),
    short(meanError),
    meanCosine === null ? "" : meanCosine.toFixed(5),
    leastCosine === null ? "" : leastCosine.toFixed(5),
    agreement === null ? "" : `${(agreement * 100).toFixed(1)} %`,
  ];
}

function short(value: number): string {
  return value === 0 ? "0" : value.toPrecision(3);
}

/** What a conversion did: in a few lines, with everything that was left alone and why. */
export function conversionText(
  conversion: Conversion,
  facts: { readonly output: string; readonly bytesBefore: number; readonly bytesAfter: number },
  style: Style = plainStyle,
): string {
  const { precision, nodes, weights, left, warnings } = conversion;
  const { output, bytesBefore, bytesAfter } = facts;
  return [
    `${style.bold(oneLine(output))}: ${formatBytes(bytesBefore)} became ${formatBytes(bytesAfter)}`,
    `${formatCount(nodes.converted)} of ${counted(nodes.total, "node")} and ${formatCount(weights.values)} weights ` +
      `in ${counted(weights.tensors, "tensor")} are ${precision} now`,
    ...warnings.map((warning) => style.warn(`warning: ${oneLine(warning)}`)),
    ...(left.length === 0
      ? []
      : [
          "",
          renderTable(
            {
              columns: ["left in float32", "nodes", "because"],
              rows: left.map(({ op, nodes: count, reason }) => [op, count, reason]),
            },
            style,
          ),
        ]),
  ].join("\n");
}
