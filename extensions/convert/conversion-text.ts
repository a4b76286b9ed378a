import { formatBytes, formatCount } from "../../shared/core/units.ts";
import { plainStyle, type Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";
import { counted, oneLine } from "../../shared/terminal/text.ts";
import type { Conversion } from "./onnx/precision.ts";

/** Describes a conversion in a few lines, with all operators that were not converted and the reasons. */
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
