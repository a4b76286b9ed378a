import type { OutputSpec } from "../../shared/domain/map-spec.ts";
import { product, type TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../shared/job-file/key-path.ts";
import { opOf } from "../../shared/output-ops/output-ops.ts";
import { closedDims, type DimSizes, formatDims, isFixed, MAX_ROW_VALUES, openRowDims } from "./bind-shape.ts";
import { unevenSymbol } from "./bind-uneven.ts";

/** What is known of the positions of uneven rows. */
interface PositionsContext {
  readonly sizes: DimSizes;
  readonly uneven: ReadonlySet<string>;
}

/**
 * Whether an output has a value, or several, for each position of a row: its first dimension is that of the
 * uneven inputs. Where the model has no name for either, `shape` says that it is another.
 */
export function isUneven(
  tensor: TensorInfo,
  { shape }: OutputSpec,
  { sizes, uneven }: PositionsContext,
): boolean {
  const [positions] = openRowDims(tensor, sizes);
  if (unevenSymbol(tensor) === "" && shape !== undefined) return false;
  return positions !== undefined && !isFixed(positions) && uneven.has(unevenSymbol(tensor));
}

/** The dims of one position; null with a problem when they are not known. */
export function resolvePositionDims(
  tensor: TensorInfo,
  spec: OutputSpec,
  path: KeyPath,
  { sizes }: PositionsContext,
  problems: SpecProblem[],
): readonly number[] | null {
  const dims = openRowDims(tensor, sizes);
  const rowDims = closedDims(dims.slice(1));
  const what = `the model's output \`${tensor.name}\` has another length in each row`;
  const found = `${formatDims(dims)} after the batch`;
  if (spec.shape !== undefined) {
    const expected = "no `shape`: the column is a list that is as long as the row";
    problems.push({ path: [...path, "shape"], part: "key", what, expected, found });
    return null;
  }
  if (rowDims !== null && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
  problems.push({
    path,
    part: "value",
    what,
    expected: "a known size for every dimension after the first of a row",
    found,
    hint: "name the outputs that you want under map.outputs, without this one",
  });
  return null;
}

/** Ops work on one vector a row. */
export function checkPositionsOp(
  tensor: TensorInfo,
  { op }: OutputSpec,
  path: KeyPath,
  problems: SpecProblem[],
): void {
  if (opOf({ kind: op }).takesPositions) return;
  problems.push({
    path: [...path, "op"],
    part: "value",
    what: `\`${op}\` is not made of an output with a value for each position`,
    expected: "`op: raw`: a list that is as long as the row",
    found: `\`${tensor.name}\` ${formatDims(tensor.dims)}`,
    hint: "pool over the positions inside the model, or take the list apart in `reduce`",
  });
}
