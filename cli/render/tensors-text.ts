import type {
  InputBinding,
  MapBinding,
  OutputBinding,
  StateBinding,
} from "../../shared/domain/map-binding.ts";
import { overridesDeclaration, tensorText } from "../../shared/domain/model-output.ts";
import { opRowOf } from "../../shared/domain/output-fields.ts";
import { isUneven, padOf, type RowShape, withPositions } from "../../shared/domain/row-shape.ts";
import { sourceOf } from "../../shared/input-sources/input-sources.ts";
import { opOf } from "../../shared/output-ops/output-ops.ts";
import type { Style } from "../../shared/terminal/style.ts";
import { renderTable } from "../../shared/terminal/table.ts";

/** Widest cell. A wider one is cut, because labels of a thousand classes are unreadable. */
const MAX_CELL_COLUMNS = 100;

/** Shows the sources of the model's inputs and the columns from its outputs. */
export function tensorTables(map: MapBinding, style: Style): readonly string[] {
  const inputs = {
    columns: ["model input", "type", "made from"],
    rows: [...map.inputs.map((input) => inputRow(input, map)), ...(map.state ?? []).map(stateRow)],
  };
  const outputs = {
    columns: ["output column", "made from"],
    rows: map.outputs.map((output) => outputRow(output, map)),
  };
  return [renderTable(inputs, style), "", renderTable(outputs, style, { maxCellColumns: MAX_CELL_COLUMNS })];
}

function inputRow(input: InputBinding, map: MapBinding): string[] {
  const { tensor, dtype, rowDims, source, scale, offset, fill, rowShape } = input;
  const made = sourceOf(source);
  const parts = [made.describe(source)];
  if (scale !== 1) parts.push(`* ${scale}`);
  if (offset !== 0) parts.push(offset > 0 ? `+ ${offset}` : `- ${-offset}`);
  if (fill !== null) parts.push(`(null is ${fill})`);
  if (made.rows !== "value") {
    const pad = isUneven(rowShape) ? padOf(rowShape) : null;
    if (pad !== null) parts.push(`(padded with ${pad})`);
    else if (isUneven(rowShape)) parts.push("(never padded: batches of one length)");
  }
  const shape = rowShape.kind === "none" ? `[${rowDims.join(", ")}]` : shapeText(rowDims, rowShape, map);
  return [tensor, `${dtype} ${shape}`, parts.join(" ")];
}

function stateRow({ tensor, output, dtype, rowDims, batchAxis }: StateBinding): string[] {
  const dims = [...rowDims.slice(0, batchAxis), "N", ...rowDims.slice(batchAxis)];
  return [
    tensor,
    `${dtype} [${dims.join(", ")}]`,
    `output ${output} of the row's previous part, zeros for the first`,
  ];
}

function outputRow(output: OutputBinding, map: MapBinding): string[] {
  const { column, tensor, dtype, rowDims, sequence, op, declaredDims } = output;
  const rowShape: RowShape = sequence === null ? { kind: "even" } : { kind: "unpadded", sequence };
  const from = `${tensor} ${dtype} ${shapeText(rowDims, rowShape, map)}`;
  const made = opOf(op).describe(op, opRowOf(output));
  const other = overridesDeclaration(output, map)
    ? ` (the model declares ${tensorText(dtype, declaredDims)})`
    : "";
  return [column, (made === "" ? from : `${made} of ${from}`) + other];
}

/** Names a sequence by its first input, if the model has several sequences of independent lengths. */
function positionsText(sequence: number, { inputs }: MapBinding): string {
  const ofSequence = (own: number) =>
    inputs.find(({ rowShape }) => isUneven(rowShape) && rowShape.sequence === own);
  if (ofSequence(1) === undefined) return "positions";
  return `positions of ${ofSequence(sequence)?.tensor ?? "?"}`;
}

/** Writes the batch first, then the dims of a row. A plan does not know the number of positions. */
function shapeText(rowDims: readonly number[], shape: RowShape, map: MapBinding): string {
  const row = withPositions<number | string>(rowDims, shape, (sequence) => positionsText(sequence, map));
  return `[${["N", ...row].join(", ")}]`;
}
