import { ShardmillError } from "../../shared/core/errors.ts";
import { didYouMean } from "../../shared/core/nearest.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec, OutputSpec } from "../../shared/domain/job-spec.ts";
import type { InputBinding, MapPlan, OutputBinding } from "../../shared/domain/map-plan.ts";
import { outputColumnNames } from "../../shared/domain/output-fields.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/spec/issue-problems.ts";
import { formatKeyPath } from "../../shared/spec/key-path.ts";
import { bindBatch } from "./bind-batch.ts";
import { Columns, listNames } from "./bind-column.ts";
import { bindInput } from "./bind-input.ts";
import { bindOutput } from "./bind-output.ts";
import { learnSizes } from "./bind-shape.ts";
import { findSource, type InputSource } from "./bind-source.ts";

type MapSpec = JobSpec["map"];

/**
 * Binds the `map` of a job to a model and to the columns of a dataset: every name resolved, every shape known.
 *
 * - The batch is the first dimension of every input: free, or one fixed number for all of them.
 * - What the model leaves open after it comes from `shape`, else from another tensor with the same symbol, else from the
 *   size of the cells (the length of a fixed list, the number of stacked columns) when one dimension is open.
 * - A cell of numbers holds rowValues values; lists are flattened. A cell of bytes holds rowValues uint8 values, or
 *   rowValues values of the model's dtype, little-endian. Lists and bytes of no fixed length are checked row by row.
 * - Casts are described at `Dtype`.
 *
 * @throws {SPEC_INVALID} with every problem at once; `where` is the key path, as in `map.inputs.image.column`
 */
export function bindMap(spec: MapSpec, signature: ModelSignature, fields: readonly Field[]): MapPlan {
  const problems: SpecProblem[] = [];
  const columns = new Columns(fields);
  const fixedBatchRows = bindBatch(spec, signature, problems);
  const sizes = new Map<string, number>();
  const inputs = bindInputs(spec, signature, columns, sizes, problems);
  const context = { tensors: signature.outputs, sizes, fixedBatchRows };
  const outputs: OutputBinding[] = [];
  for (const [column, output] of wantedOutputs(spec, signature)) {
    const binding = bindOutput(column, output, context, problems);
    if (binding !== null) outputs.push(binding);
  }
  const keep = bindKeep(spec, columns, problems);
  checkClashes(keep, outputs, problems);
  if (problems.length > 0) throw misfit(problems);
  const read = new Set([...inputs.flatMap(columnsOf), ...keep.map((field) => field.name)]);
  const order = fields.map((field) => field.name).filter((name) => read.has(name));
  return { inputs, outputs, keep, columns: order, fixedBatchRows };
}

function bindInputs(
  spec: MapSpec,
  signature: ModelSignature,
  columns: Columns,
  sizes: Map<string, number>,
  problems: SpecProblem[],
): readonly InputBinding[] {
  checkInputNames(spec, signature, problems);
  const sources: InputSource[] = [];
  for (const tensor of signature.inputs) {
    const own = Object.hasOwn(spec.inputs, tensor.name) ? (spec.inputs[tensor.name] ?? null) : null;
    const source = tensor.dims.length === 0 ? null : findSource(tensor, own, columns, problems);
    if (source !== null) sources.push(source);
  }
  const bound = new Map<string, InputBinding>();
  // An input may get a size from another that shares a symbol: those that settle their own shape go first.
  const later: InputSource[] = [];
  for (const source of sources) {
    if (!tryBind(source, sizes, bound, [])) later.push(source);
  }
  for (const source of later) tryBind(source, sizes, bound, problems);
  return signature.inputs.flatMap((tensor) => bound.get(tensor.name) ?? []);
}

function tryBind(
  source: InputSource,
  sizes: Map<string, number>,
  bound: Map<string, InputBinding>,
  problems: SpecProblem[],
): boolean {
  const binding = bindInput(source, sizes, problems);
  if (binding === null) return false;
  const clash = learnSizes(source.tensor, binding.rowDims, sizes);
  if (clash !== null) {
    problems.push({
      path: source.path,
      part: "value",
      what: `the model's dimension \`${clash.symbol}\` cannot have two sizes`,
      expected: String(clash.known),
      found: String(clash.size),
    });
    return false;
  }
  bound.set(binding.tensor, binding);
  return true;
}

function checkInputNames(spec: MapSpec, signature: ModelSignature, problems: SpecProblem[]): void {
  const names = signature.inputs.map((tensor) => tensor.name);
  for (const name of Object.keys(spec.inputs)) {
    if (names.includes(name)) continue;
    problems.push({
      path: ["map", "inputs", name],
      part: "key",
      what: `the model has no input \`${name}\``,
      expected: `one of ${listNames(names)}`,
      found: `\`${name}\``,
      ...didYouMean(name, names),
    });
  }
}

/** What the job asks for; when it asks for nothing, every output as it is. */
function wantedOutputs(spec: MapSpec, signature: ModelSignature): readonly (readonly [string, OutputSpec])[] {
  const wanted = Object.entries(spec.outputs);
  if (wanted.length > 0) return wanted;
  return signature.outputs.map(({ name }) => [name, { tensor: name, op: "raw" }]);
}

function bindKeep(spec: MapSpec, columns: Columns, problems: SpecProblem[]): readonly Field[] {
  return spec.keep.flatMap((name, index) => columns.find(name, ["map", "keep", index], problems) ?? []);
}

/** SQL takes upper and lower case for the same, so the names of columns must differ by more. */
function checkClashes(
  keep: readonly Field[],
  outputs: readonly OutputBinding[],
  problems: SpecProblem[],
): void {
  const owners = new Map<string, string>();
  const claim = (name: string, owner: string, path: SpecProblem["path"]): void => {
    const first = owners.get(name.toLowerCase());
    if (first === undefined) owners.set(name.toLowerCase(), owner);
    else {
      problems.push({
        path,
        part: "key",
        what: `two output columns are named \`${name}\``,
        expected: "names that differ by more than upper and lower case (SQL ignores case)",
        found: `${owner}, and ${first}`,
        hint: "give the output another name under map.outputs",
      });
    }
  };
  for (const [index, { name }] of keep.entries())
    claim(name, `the kept column \`${name}\``, ["map", "keep", index]);
  for (const { column, op, labels } of outputs) {
    for (const name of outputColumnNames(column, op, labels !== null)) {
      claim(name, `the output \`${column}\``, ["map", "outputs", column]);
    }
  }
}

function columnsOf({ source }: InputBinding): readonly string[] {
  return source.kind === "one" ? [source.column] : source.columns;
}

function misfit(problems: readonly SpecProblem[]): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the map does not fit the model and the input", {
    problems: problems.map(({ path, part: _part, ...rest }) => ({ where: formatKeyPath(path), ...rest })),
  });
}
