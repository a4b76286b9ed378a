import type { InputBinding } from "../../shared/domain/map-plan.ts";
import { type Dim, dtypeBytes, product } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import {
  closedDims,
  type DimSizes,
  fitShape,
  formatDims,
  MAX_ROW_VALUES,
  openRowDims,
  solveDims,
} from "./bind-shape.ts";
import type { ColumnInput } from "./bind-source.ts";

/**
 * The dims after the batch: the model's, with what it leaves open from `shape`, from other inputs that share
 * a symbol, or from the size of the cells. Null with a problem when they cannot be known or the cells do not
 * fit them.
 */
export function bindInput(input: ColumnInput, sizes: DimSizes, problems: SpecProblem[]): InputBinding | null {
  const rowDims = resolveRowDims(input, sizes, problems);
  if (rowDims === null) return null;
  const rowValues = product(rowDims);
  const misfit = cellMisfit(input, rowDims, rowValues);
  if (misfit !== null) {
    problems.push({ path: input.columnPath, part: "value", ...misfit, found: input.found });
    return null;
  }
  const { tensor, spec, source } = input;
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims,
    rowValues,
    source,
    scale: spec?.scale ?? 1,
    offset: spec?.offset ?? 0,
    fill: spec?.fill ?? null,
    uneven: null,
    batchAxis: 0,
  };
}

function resolveRowDims(
  input: ColumnInput,
  sizes: DimSizes,
  problems: SpecProblem[],
): readonly number[] | null {
  const dims = openRowDims(input.tensor, sizes);
  const { shape } = input.spec ?? {};
  // What the job says wins over what another input with the same symbol has: exporters use one name for two
  // sizes.
  if (shape !== undefined)
    return fitShape(shape, input.tensor.dims.slice(1), [...input.path, "shape"], problems);
  const values = knownValues(input);
  const rowDims = closedDims(dims) ?? (values === null ? null : solveDims(dims, values));
  if (rowDims !== null && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
  problems.push({ path: input.path, part: "value", ...unknownDims(input, dims), found: input.found });
  return null;
}

/**
 * The values in a cell where its type alone says so. Bytes may be uint8 values or raw ones: only a one-byte
 * dtype is sure.
 */
function knownValues({ cell, tensor }: ColumnInput): number | null {
  if (cell.kind === "values") return cell.values;
  return cell.kind === "bytes" && dtypeBytes(tensor.dtype) === 1 ? cell.bytes : null;
}

function unknownDims(
  { tensor, cell }: ColumnInput,
  dims: readonly Dim[],
): Pick<SpecProblem, "what" | "expected" | "hint"> {
  const bytes = dtypeBytes(tensor.dtype);
  const hint =
    cell.kind === "bytes" && bytes > 1
      ? `give \`shape\`: ${cell.bytes} bytes are ${cell.bytes} uint8 values or ${cell.bytes / bytes} ${tensor.dtype} values`
      : "give `shape`: the dimensions after the batch";
  return {
    what: `the model leaves the shape of \`${tensor.name}\` open, and the column does not settle it`,
    expected: `${formatDims(dims)} after the batch`,
    hint,
  };
}

/**
 * Why cells of this size cannot be rows of `rowValues` values; null when they can, or when only the rows will
 * tell.
 */
function cellMisfit(
  { cell, tensor }: ColumnInput,
  rowDims: readonly number[],
  rowValues: number,
): Pick<SpecProblem, "what" | "expected"> | null {
  const what = `the column does not fit the model's input \`${tensor.name}\``;
  const expected = `${rowValues} ${tensor.dtype} values a row, ${formatDims(rowDims)}`;
  switch (cell.kind) {
    case "values":
      return cell.values === rowValues ? null : { what, expected };
    case "perRow":
      return cell.factor > 0 && rowValues % cell.factor === 0 ? null : { what, expected };
    case "bytes": {
      const rawBytes = rowValues * dtypeBytes(tensor.dtype);
      if (cell.bytes === rowValues || cell.bytes === rawBytes) return null;
      return {
        what,
        expected: `${rowValues} bytes (uint8 values) or ${rawBytes} bytes (${tensor.dtype} values)`,
      };
    }
    case "bytesPerRow":
      return null;
  }
}
