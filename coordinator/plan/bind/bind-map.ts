import { ShardmillError } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { Columns } from "../../../shared/dataset/columns.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { ClassNames } from "../../../shared/domain/hugging-face.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { MapBinding, OutputBinding } from "../../../shared/domain/map-binding.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import { outputFields, readColumn } from "../../../shared/domain/output-fields.ts";
import type { ModelSignature } from "../../../shared/domain/tensor.ts";
import type { TextCause } from "../../../shared/domain/text-cause.ts";
import type { DescribedFiles } from "../../../shared/extension/step-part.ts";
import { sourceColumns } from "../../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { MOST_CLASS_COLUMNS } from "../../../shared/output-ops/columns.ts";
import { batchNamesOf, bindBatch, checkTokens, inputsBatchFirst } from "./bind-batch.ts";
import { bindInputs, ownSpec } from "./bind-inputs.ts";
import { bindOutput } from "./bind-output.ts";
import { withPlace } from "./bind-place.ts";
import { isWhole } from "./bind-same.ts";
import { bindStates, isState } from "./bind-states.ts";
import { aloneIfNeeded } from "./open-dims.ts";

type MapSpec = JobSpec["map"];

interface BindContext {
  /** The model's folder. Default: none. */
  readonly folder?: ModelFolder | null;
  /** Causes for which some of the columns are text. Default: unknown. */
  readonly textCauses?: readonly TextCause[];
  /** Names that the input gives to the classes of its columns. Default: none. */
  readonly classes?: ClassNames;
  /** Facts about the files of the job. Default: none. */
  readonly descriptions?: DescribedFiles["descriptions"];
}

/**
 * Binds the `map` of a job to a model and to the columns of its rows. Resolves every name and every shape.
 * The columns are those of the dataset, or those that `prepare` steps leave. `planMap` plans the steps.
 *
 * - The batch is the first dimension of every input, or the one that `batchAxis` sets. Its size is free, or
 *   one fixed number for all inputs.
 * - Open dimensions after the batch come from `shape`, or else from another tensor with the same symbol. A
 *   single dimension that is still open comes from the size of the cells. That is the length of a fixed list,
 *   or the number of stacked columns.
 * - A list of no fixed length gives uneven rows, if only the first dimension after the batch is open. See
 *   `RowShape`. Inputs with different names for this dimension differ in length independently. A mask is made
 *   from such an input.
 * - A cell of numbers holds rowValues values, with lists flattened. A cell of bytes holds rowValues uint8
 *   values, or rowValues little-endian values of the model's dtype. Lists and bytes of no fixed length are
 *   checked row by row.
 * - An output with an open dimension becomes lists. Its rows run one by one, unless another output has their
 *   lengths.
 * - Settings that an output omits come from the model's folder, if they fit.
 * - `Dtype` describes casts.
 *
 * @param signature null: the job has no model, so the map is its kept columns
 * @throws {SPEC_INVALID} with every problem. `where` is the key path, as in `map.inputs.image.column`.
 */
export function bindMap(
  spec: MapSpec,
  signature: ModelSignature | null,
  fields: readonly Field[],
  { folder = null, textCauses = [], classes = {}, descriptions = new Map() }: BindContext = {},
): MapBinding {
  if (signature === null) return bindRows(spec, fields);
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
  const context = {
    ...{ signature, folder, classes, sizes, sequences, fixedBatchRows },
    batchNames: batchNamesOf(withRows),
    isNamed: spec.outputs.length > 0,
    descriptions,
    metadata: signature.metadata ?? {},
  };
  const outputs: OutputBinding[] = [];
  for (const [column, said] of wantedOutputs(spec, signature)) {
    const output = withPlace([column, said], spec, fields, problems);
    const binding = bindOutput(column, output, context, problems);
    if (binding !== null) outputs.push(binding);
  }
  const keep = bindKeep(spec.keep, columns, problems);
  checkClashes(keep, outputs, problems);
  const read = new Set([
    ...inputs.flatMap(({ source }) => sourceColumns(source)),
    ...outputs.flatMap((output) => readColumn(output) ?? []),
    ...keep.map((field) => field.name),
  ]);
  const order = fields.map((field) => field.name).filter((name) => read.has(name));
  const states = state.length === 0 ? {} : { state };
  const bound = { ...states, inputs, outputs, keep, columns: order, prepare: [], finish: [], fixedBatchRows };
  const map = aloneIfNeeded(bound, spec.batch, problems);
  if (problems.length > 0) throw misfit(problems);
  return map;
}

/** Binds the `map` of a job without a model. Default for kept columns: all. */
function bindRows(spec: MapSpec, fields: readonly Field[]): MapBinding {
  const problems: SpecProblem[] = [];
  const all = fields.map(({ name }) => name);
  const keep = bindKeep(spec.keep.length === 0 ? all : spec.keep, new Columns(fields), problems);
  checkClashes(keep, [], problems);
  if (problems.length > 0) throw misfit(problems);
  const kept = new Set(keep.map(({ name }) => name));
  const columns = all.filter((name) => kept.has(name));
  return { inputs: [], outputs: [], keep, columns, prepare: [], finish: [], fixedBatchRows: null };
}

/**
 * Returns the outputs of the job. Default: every output that is not a state. An output that was a map of
 * scores becomes a column for each class, which keeps the class names.
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
 * Refuses a job without `outputs` if no column can hold an output of the model. The output would be missing
 * without notice.
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
        ? "export the model without the step that makes them: it has no other outputs"
        : `name the others under map.outputs: ${listNames(outputs.map(({ name }) => name))}`,
  });
}

function bindKeep(names: readonly string[], columns: Columns, problems: SpecProblem[]): readonly Field[] {
  return names.flatMap((name, index) => columns.find(name, ["map", "keep", index], problems) ?? []);
}

/** Refuses column names that differ only in case, which SQL ignores. */
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
