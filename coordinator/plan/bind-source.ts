import { listNames } from "../../shared/core/list-names.ts";
import { didYouMean } from "../../shared/core/nearest.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { CellSize, ColumnSource, SourceContext } from "../../shared/input-sources/input-source.ts";
import { asSourcePlan, offeredSource } from "../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../shared/job-file/key-path.ts";
import { type Columns, cellSize, describeFieldType } from "./bind-column.ts";

/** An ONNX input whose columns are found, its shape perhaps not yet. */
export interface ColumnInput {
  readonly tensor: TensorInfo;
  readonly spec: InputSpec | null;
  readonly path: KeyPath;
  /** Where the job says which columns they are. */
  readonly columnPath: KeyPath;
  readonly source: InputBinding["source"];
  readonly cell: CellSize;
  /** The columns and their types, for messages. */
  readonly found: string;
}

/** Finds the columns that feed an ONNX input; null with problems when they are missing or no numbers. */
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
  const { plan, cell, found } = bound;
  if (spec?.fill !== undefined && (cell.kind === "bytes" || cell.kind === "bytesPerRow")) {
    problems.push({
      path: [...path, "fill"],
      part: "value",
      what: "`fill` stands in for a missing number, this column has none",
      expected: "a column of numbers or of lists of numbers",
      found,
    });
  }
  const columnPath = isNamed ? [...path, source.key] : path;
  return { tensor, spec, path, columnPath, source: asSourcePlan(plan), cell, found };
}

/** The columns as a source looks for its own among them. */
function contextOf(
  { name: input }: TensorInfo,
  path: KeyPath,
  columns: Columns,
  problems: SpecProblem[],
): SourceContext {
  return {
    input,
    names: columns.names,
    find: (name, below) => {
      const field = columns.find(name, [...path, ...below], problems);
      if (field === null) return null;
      const { type } = field;
      return { name, kind: type.kind, type: describeFieldType(type), cell: cellSize(type) };
    },
    report: (problem) => problems.push({ ...problem, path: [...path, ...problem.path] }),
  };
}

function noSource(tensor: TensorInfo, { names }: Columns): Omit<SpecProblem, "path" | "part"> {
  const hint = offeredSource(tensor.name);
  return {
    what: `nothing feeds the model's input \`${tensor.name}\``,
    expected: `a column \`${tensor.name}\`, or an entry under map.inputs that says which`,
    found: `the columns ${listNames(names)}`,
    ...(hint === null ? didYouMean(tensor.name, names) : { hint }),
  };
}
