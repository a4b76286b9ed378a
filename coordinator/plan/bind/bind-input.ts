import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { type Columns, cellSize, describeFieldType, plainKind } from "../../../shared/dataset/columns.ts";
import { FEATURES, INPUTS } from "../../../shared/domain/features.ts";
import { UNTYPED_FORMATS } from "../../../shared/domain/formats.ts";
import type { InputBinding } from "../../../shared/domain/map-binding.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import {
  type Dim,
  formatDims,
  MAX_ROW_VALUES,
  product,
  type TensorInfo,
} from "../../../shared/domain/tensor.ts";
import { elementBytes } from "../../../shared/domain/texts.ts";
import type { CellSize, ColumnSource, SourceContext } from "../../../shared/input-sources/input-source.ts";
import { offeredSource } from "../../../shared/input-sources/input-sources.ts";
import type { BytesReading } from "../../../shared/input-sources/one-column.ts";
import { asSourceBinding } from "../../../shared/input-sources/source-schemas.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import { checkFill, checkText } from "./check-fill.ts";
import {
  closedDims,
  type DimSizes,
  fitShape,
  openRowDims,
  type PairDims,
  pairDims,
  pairSymbol,
  positionDims,
  solveDims,
} from "./dims.ts";

/** An ONNX input with its columns, whose shape may still be unknown. */
export interface ColumnInput {
  readonly tensor: TensorInfo;
  readonly spec: InputSpec | null;
  readonly path: KeyPath;
  /** Key path in the job file that names the columns. */
  readonly columnPath: KeyPath;
  readonly source: InputBinding["source"];
  readonly cell: CellSize;
  /** Columns and their types, for messages. */
  readonly found: string;
}

/** Finds the columns that feed an ONNX input. Null, with problems: a column is missing or has no numbers. */
export function findColumns(
  tensor: TensorInfo,
  { source, spec }: { readonly source: ColumnSource; readonly spec: InputSpec | null },
  columns: Columns,
  problems: SpecProblem[],
): ColumnInput | null {
  const path = ["map", "inputs", tensor.name];
  const isNamed = spec !== null && Object.hasOwn(spec, source.key);
  if (!isNamed && !columns.has(tensor.name)) {
    problems.push({ path, part: "key", ...noSource(tensor, columns) });
    return null;
  }
  const bound = source.bind(spec ?? {}, contextOf(tensor, path, columns, problems));
  if (bound === null) return null;
  const { binding, cell, found } = bound;
  checkText(tensor, spec, path, problems);
  checkFill(tensor, spec, path, problems);
  if (spec?.fill !== undefined && (cell.kind === "bytes" || cell.kind === "bytesPerRow")) {
    problems.push({
      path: [...path, "fill"],
      part: "value",
      what: "`fill` replaces missing numbers, and this column has no numbers",
      expected: "a column of numbers or of lists of numbers",
      found,
    });
  }
  const columnPath = isNamed ? [...path, source.key] : path;
  return { tensor, spec, path, columnPath, source: asSourceBinding(binding), cell, found };
}

/** Hints at keys of extensions that compute an input from a column of text. */
const FROM_TEXT = [
  ...INPUTS.map(({ makes }) => makes),
  ...FEATURES.map(({ key, files }) => `\`${key}\` makes values of the ${files} that it names`),
];

/** Returns the columns in the form in which a source searches them. */
function contextOf(
  { name: input, dtype }: TensorInfo,
  path: KeyPath,
  columns: Columns,
  problems: SpecProblem[],
): SourceContext {
  const isText = dtype === "string";
  return {
    input,
    isText,
    fromText: FROM_TEXT,
    names: columns.names,
    find: (name, below) => {
      const field = columns.find(name, [...path, ...below], problems);
      if (field === null) return null;
      const { type } = field;
      const kind = isText ? plainKind(type) : type.kind;
      const cell = cellSize(type, isText ? "string" : "numeric");
      return {
        name,
        kind,
        type: describeFieldType(type),
        cell,
        textCause: columns.textCause(name),
        untyped: UNTYPED_FORMATS,
      };
    },
    report: (problem) => problems.push({ ...problem, path: [...path, ...problem.path] }),
  };
}

function noSource(tensor: TensorInfo, { names }: Columns): Omit<SpecProblem, "path" | "part"> {
  const hint = offeredSource(tensor.name);
  return {
    what: `nothing feeds the model's input \`${tensor.name}\``,
    expected: `a column \`${tensor.name}\`, or an entry under map.inputs that names one`,
    found: `the columns ${listNames(names)}`,
    ...(hint === null ? didYouMean(tensor.name, names) : { hint }),
  };
}

/**
 * Binds an input with its dims after the batch. Open dims are taken from `shape`, from other inputs with the
 * same symbol, or from the size of the cells. Null, with a problem: dims are unknown, or the cells do not
 * fit.
 */
export function bindInput(input: ColumnInput, sizes: DimSizes, problems: SpecProblem[]): InputBinding | null {
  const rowDims = resolveRowDims(input, sizes, problems);
  if (rowDims === null) return null;
  const rowValues = product(rowDims);
  const bytes = bytesReading(input, rowValues);
  const misfit = cellMisfit(input, rowDims, bytes);
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
    source: bytes === null || source.kind !== "one" ? source : { ...source, bytes },
    scale: spec?.scale ?? 1,
    offset: spec?.offset ?? 0,
    fill: spec?.fill ?? null,
    rowShape: { kind: "even" },
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
  // The job's shape takes precedence over a size of the same symbol: exporters use one name for two sizes.
  if (shape !== undefined)
    return fitShape(shape, input.tensor.dims.slice(1), [...input.path, "shape"], problems);
  const values = knownValues(input);
  const rowDims = closedDims(dims) ?? (values === null ? null : solveDims(dims, values));
  if (rowDims !== null && product(rowDims) <= MAX_ROW_VALUES) return rowDims;
  problems.push({ path: input.path, part: "value", ...unknownDims(input, dims), found: input.found });
  return null;
}

/**
 * Returns the values in a cell, if its type gives them. Bytes are uint8 values or raw values. The reading is
 * known for a dtype of one byte, or if the job sets it.
 */
function knownValues({ cell, tensor, spec }: ColumnInput): number | null {
  if (cell.kind === "values") return cell.values;
  if (cell.kind !== "bytes") return null;
  if (spec?.bytes === "raw") return cell.bytes / elementBytes(tensor.dtype);
  return spec?.bytes === "uint8" || elementBytes(tensor.dtype) === 1 ? cell.bytes : null;
}

/** Returns one reading for all cells of a bytes column: the job's, or else the one that fits their size. */
function bytesReading({ cell, tensor, spec }: ColumnInput, rowValues: number): BytesReading | null {
  if (cell.kind !== "bytes" && cell.kind !== "bytesPerRow") return null;
  if (spec?.bytes !== undefined) return spec.bytes;
  const isRaw =
    cell.kind === "bytes" &&
    cell.bytes !== rowValues &&
    cell.bytes === rowValues * elementBytes(tensor.dtype);
  return isRaw ? "raw" : "uint8";
}

function unknownDims(
  { tensor, cell }: ColumnInput,
  dims: readonly Dim[],
): Pick<SpecProblem, "what" | "expected" | "hint"> {
  const bytes = elementBytes(tensor.dtype);
  const hint =
    cell.kind === "bytes" && bytes > 1
      ? `give \`shape\`: ${cell.bytes} bytes are ${cell.bytes} uint8 values or ${cell.bytes / bytes} ${tensor.dtype} values`
      : "give `shape`: the dimensions after the batch";
  return {
    what: `the model leaves the shape of \`${tensor.name}\` open, and the column does not determine it`,
    expected: `${formatDims(dims)} after the batch`,
    hint,
  };
}

/**
 * Returns why cells of this size cannot be rows of `rowValues` values. Null: they fit, or only the rows show
 * it.
 */
function cellMisfit(
  { cell, tensor }: ColumnInput,
  rowDims: readonly number[],
  reading: BytesReading | null,
): Pick<SpecProblem, "what" | "expected"> | null {
  const rowValues = product(rowDims);
  const what = `the column does not fit the model's input \`${tensor.name}\``;
  const expected = `${rowValues} ${tensor.dtype} values a row, ${formatDims(rowDims)}`;
  switch (cell.kind) {
    case "values":
      return cell.values === rowValues ? null : { what, expected };
    case "perRow":
      return cell.factor > 0 && rowValues % cell.factor === 0 ? null : { what, expected };
    case "bytes": {
      const rawBytes = rowValues * elementBytes(tensor.dtype);
      if (cell.bytes === (reading === "raw" ? rawBytes : rowValues)) return null;
      return {
        what,
        expected: `${rowValues} bytes (uint8 values) or ${rawBytes} bytes (${tensor.dtype} values)`,
      };
    }
    case "bytesPerRow":
      return null;
  }
}

/**
 * Checks whether rows of this input may differ in length. A list of no fixed length feeds such an input. The
 * first dimension after the batch is its only open one, without a `shape` from the job. Or two open
 * dimensions have one name: pairs of positions.
 */
export function mayBeUneven(input: ColumnInput, sizes: DimSizes): boolean {
  const { tensor, spec, cell } = input;
  if (tensor.dtype === "string" || spec?.shape !== undefined || cell.kind !== "perRow") return false;
  return positionDims(tensor, sizes) !== null || pairsOf(input, sizes) !== null;
}

/** Returns the dims of an input of pairs, and the name of their positions. Null: it is none. */
export function pairsOf(
  { tensor }: Pick<ColumnInput, "tensor">,
  sizes: DimSizes,
): (PairDims & { readonly symbol: string }) | null {
  const pairs = pairDims(tensor, sizes);
  const symbol = pairs === null ? null : pairSymbol(tensor, pairs);
  return pairs === null || symbol === null ? null : { ...pairs, symbol };
}

/** Binds an input with uneven rows. Null, with a problem: the lists cannot be positions of this shape. */
export function bindUneven(
  source: ColumnInput,
  { sizes, sequence }: { readonly sizes: DimSizes; readonly sequence: number },
  problems: SpecProblem[],
): InputBinding | null {
  const { tensor, spec, cell, columnPath, found } = source;
  const pairs = pairsOf(source, sizes);
  const before = pairs?.before ?? 0;
  const rowDims = pairs?.rowDims ?? positionDims(tensor, sizes) ?? [];
  const rowValues = product(rowDims);
  const pad = spec?.pad ?? 0;
  // A list's fixed inner size must be whole positions, or a whole part of one.
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
    rowShape: pairs === null ? { kind: "padded", pad, sequence } : { kind: "pairs", pad, sequence, before },
    batchAxis: 0,
  };
}
