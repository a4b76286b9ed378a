import { fitsDtype } from "../../shared/domain/dtype-range.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import { product, type TensorInfo } from "../../shared/domain/tensor.ts";
import { sourceOf } from "../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import { closedDims, type DimSizes, formatDims, isFixed, MAX_ROW_VALUES, openRowDims } from "./bind-shape.ts";
import type { ColumnInput } from "./bind-source.ts";

/**
 * Whether rows of this input differ in length: fed by a list of no fixed length, where only the first
 * dimension after the batch is still open and the job does not close it by `shape`.
 */
export function mayBeUneven({ tensor, spec, cell }: ColumnInput, sizes: DimSizes): boolean {
  return spec?.shape === undefined && cell.kind === "perRow" && positionDims(tensor, sizes) !== null;
}

/**
 * The dims of one position; null when the first dimension after the batch is not the only one that is open.
 */
export function positionDims(tensor: TensorInfo, sizes: DimSizes): readonly number[] | null {
  const [positions, ...rest] = openRowDims(tensor, sizes);
  return positions === undefined || isFixed(positions) ? null : closedDims(rest);
}

/** The model's name for the number of positions; "" where it has none. */
export function unevenSymbol({ dims }: TensorInfo): string {
  const [, positions] = dims;
  return typeof positions === "string" ? positions : "";
}

/** Null with a problem when the lists cannot be positions of this shape. */
export function bindUneven(
  source: ColumnInput,
  sizes: DimSizes,
  problems: SpecProblem[],
): InputBinding | null {
  const { tensor, spec, cell, columnPath, found } = source;
  const rowDims = positionDims(tensor, sizes) ?? [];
  const rowValues = product(rowDims);
  // The lists that are of a fixed size must be whole positions, or whole parts of one.
  const values = cell.kind === "perRow" ? cell.factor : 0;
  const fits = values > 0 && (values % rowValues === 0 || rowValues % values === 0);
  if (!fits || rowValues > MAX_ROW_VALUES) {
    problems.push({
      path: columnPath,
      part: "value",
      what: `the column does not fit the model's input \`${tensor.name}\``,
      expected: `lists of positions of ${rowValues} ${tensor.dtype} values, ${formatDims(rowDims)}`,
      found,
    });
    return null;
  }
  return {
    tensor: tensor.name,
    dtype: tensor.dtype,
    rowDims,
    rowValues,
    source: source.source,
    scale: spec?.scale ?? 1,
    offset: spec?.offset ?? 0,
    fill: spec?.fill ?? null,
    uneven: { pad: spec?.pad ?? 0 },
    batchAxis: 0,
  };
}

/** `pad` is for uneven rows, and a value that the tensor can hold. */
export function checkPads(
  sources: readonly ColumnInput[],
  bound: ReadonlyMap<string, InputBinding>,
  problems: SpecProblem[],
): void {
  for (const { tensor, spec, path } of sources) {
    const pad = spec?.pad;
    const binding = bound.get(tensor.name);
    if (pad === undefined || binding === undefined) continue;
    if (binding.uneven === null) {
      problems.push({
        path: [...path, "pad"],
        part: "key",
        what: "all rows of this input have one length: there is nothing to pad",
        expected:
          "a list column of no fixed length, for an input whose first dimension after the batch is open",
        found: `\`${tensor.name}\` with ${formatDims(binding.rowDims)} after the batch`,
        hint: "leave out `pad`; `shape`, and other inputs with the same dimension, close what the model leaves open",
      });
    } else if (!fitsDtype(pad, tensor.dtype)) {
      problems.push({
        path: [...path, "pad"],
        part: "value",
        what: `the model's input \`${tensor.name}\` cannot hold this value`,
        expected: tensor.dtype,
        found: String(pad),
      });
    }
  }
}

/**
 * Rows are padded only where the model can tell: it is given a mask, or the job says what it knows padding
 * by. Else the result would depend on which rows share a batch, and no row is ever padded.
 */
export function withPads(
  inputs: readonly InputBinding[],
  sources: readonly ColumnInput[],
): readonly InputBinding[] {
  const told = new Set(
    sources.filter(({ spec }) => spec?.pad !== undefined).map(({ tensor }) => tensor.name),
  );
  const tells = ({ tensor, source, scale, uneven }: InputBinding) => {
    return uneven !== null && (told.has(tensor) || sourceOf(source).marksPadding({ tensor, scale }));
  };
  if (inputs.some(tells)) return inputs;
  return inputs.map((input) => (input.uneven === null ? input : { ...input, uneven: { pad: null } }));
}
