import { ShardmillError } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { Columns } from "../../../shared/dataset/columns.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { MapBinding, OutputBinding } from "../../../shared/domain/map-binding.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { outputFields } from "../../../shared/domain/output-fields.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { TextCause } from "../../../shared/domain/text-cause.ts";
import { sourceColumns } from "../../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { MOST_CLASS_COLUMNS } from "../../../shared/output-ops/columns.ts";
import { batchNamesOf, bindBatch, checkTokens, inputsBatchFirst } from "./bind-batch.ts";
import { bindInputs, ownSpec } from "./bind-inputs.ts";
import { bindOutput } from "./bind-output.ts";
import { isWhole } from "./bind-same.ts";
import { bindStates, isState } from "./bind-states.ts";

type MapSpec = JobSpec["map"];

interface BindContext {
  /** The model's folder. Default: none. */
  readonly folder?: ModelFolder | null;
  /** Why some of the columns are text. Default: unknown. */
  readonly textCauses?: readonly TextCause[];
}

/**
 * Binds the `map` of a job to a model and to the columns that its rows have (those of the dataset, or what
 * the steps in front of the model leave): every name resolved, every shape known. The steps themselves are
 * planned by `planMap`.
 *
 * - The batch is the first dimension of every input, or the one that `batchAxis` says: free, or one fixed
 *   number for all.
 * - What the model leaves open after it comes from `shape`, else from another tensor with the same symbol,
 *   else from the size of the cells (the length of a fixed list, the number of stacked columns) when one
 *   dimension is open.
 * - Where that leaves only the first dimension after the batch open, and a list of no fixed length feeds it,
 *   rows are uneven: see `RowShape`. Inputs whose dimensions have different names differ in length
 *   independently. A mask is made of such an input.
 * - A cell of numbers holds rowValues values; lists are flattened. A cell of bytes holds rowValues uint8
 *   values, or rowValues values of the model's dtype, little-endian. Lists and bytes of no fixed length are
 *   checked row by row.
 * - What an output leaves to the model's folder is taken from there where it fits.
 * - Casts are described at `Dtype`.
 *
 * @throws {SPEC_INVALID} with every problem at once; `where` is the key path, as in `map.inputs.image.column`
 */
export function bindMap(
  spec: MapSpec,
  signature: ModelSignature,
  fields: readonly Field[],
  { folder = null, textCauses = [] }: BindContext = {},
): MapBinding {
  const problems: SpecProblem[] = [];
  const columns = new Columns(fields, textCauses);
  const tensors = inputsBatchFirst(signature, (name) => ownSpec(spec, name)?.batchAxis, problems);
  const fed = tensors.filter(({ tensor }) => !isState(spec, tensor.name));
  const withRows = fed.filter(({ tensor }) => !isWhole(tensor, ownSpec(spec, tensor.name)));
  const fixedBatchRows = bindBatch(spec, withRows, problems);
  const { inputs, sizes, sequences } = bindInputs(spec, fed, columns, problems);
  const state = bindStates(
    spec,
    { signature, withRows, sizes, uneven: sequences.count > 0, fixedBatchRows },
    problems,
  );
  checkTokens(spec, { uneven: sequences.count > 0, fixedBatchRows }, problems);
  checkAllUsable(spec, signature, problems);
  const context = { signature, folder, sizes, sequences, fixedBatchRows, batchNames: batchNamesOf(withRows) };
  const outputs: OutputBinding[] = [];
  for (const [column, output] of wantedOutputs(spec, signature)) {
    const binding = bindOutput(column, output, context, problems);
    if (binding !== null) outputs.push(binding);
  }
  const keep = bindKeep(spec, columns, problems);
  checkClashes(keep, outputs, problems);
  if (problems.length > 0) throw misfit(problems);
  const read = new Set([
    ...inputs.flatMap(({ source }) => sourceColumns(source)),
    ...keep.map((field) => field.name),
  ]);
  const order = fields.map((field) => field.name).filter((name) => read.has(name));
  const states = state.length === 0 ? {} : { state };
  return { ...states, inputs, outputs, keep, columns: order, prepare: [], finish: [], fixedBatchRows };
}

/**
 * What the job asks for; when it asks for nothing, every output that is not a state, with no more said of it.
 * Of what was a map of scores, a column a class is what keeps the names.
 */
function wantedOutputs(spec: MapSpec, signature: ModelSignature): readonly (readonly [string, OutputSpec])[] {
  const wanted = spec.outputs.map(({ column, ...output }) => [column, output] as const);
  if (wanted.length > 0) return wanted;
  const states = new Set(Object.values(spec.state ?? {}).map(({ output }) => output));
  const others = signature.outputs.filter(({ name }) => !states.has(name));
  return others.map(({ name, classes }) => {
    const isMap = classes !== undefined && classes.length > 1 && classes.length <= MOST_CLASS_COLUMNS;
    return [name, { tensor: name, ...(isMap ? { op: "columns" } : {}) }];
  });
}

/**
 * A job that asks for every output must get every output: one that no column can hold is not left out in
 * silence.
 */
function checkAllUsable(spec: MapSpec, { outputs, unusable }: ModelSignature, problems: SpecProblem[]): void {
  if (spec.outputs.length > 0 || unusable.length === 0) return;
  problems.push({
    path: ["map", "outputs"],
    part: "key",
    what: `the job takes every output of the model, and no column can hold ${listNames(unusable.map(({ name }) => name))}`,
    expected: "the outputs that are wanted, by name",
    found: unusable.map(({ name, kind }) => `\`${name}\`, ${kind}`).join("; "),
    hint:
      outputs.length === 0
        ? "the model has no other outputs: export it without the step that makes them"
        : `name the others under map.outputs: ${listNames(outputs.map(({ name }) => name))}`,
  });
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
  for (const output of outputs) {
    const { column } = output;
    for (const { name } of outputFields({ keep: [], outputs: [output] })) {
      claim(name, `the output \`${column}\``, ["map", "outputs", column]);
    }
  }
}

function misfit(problems: readonly SpecProblem[]): ShardmillError {
  return new ShardmillError("SPEC_INVALID", "the map does not fit the model and the input", {
    problems: problems.map(({ path, part: _part, ...rest }) => ({ where: formatKeyPath(path), ...rest })),
  });
}
