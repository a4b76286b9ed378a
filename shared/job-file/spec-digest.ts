import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import { CONVERSION, conversionOf } from "../domain/conversion.ts";
import { FEATURES, fileSpec, fileSpecs, INPUTS, stepValue } from "../domain/features.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { type FolderFacts, leavesLabels, leavesPooling, USUAL_OP } from "../domain/model-folder.ts";
import { shapeDigestOf } from "../domain/output-shape.ts";
import { withFiles, withReductionFiles } from "./map-files.ts";

/**
 * What must be equal for two runs to give the same result, as a sha256: on resume, the same job.
 *
 * In: the inputs, the outputs and `keep` (with their order, which is that of the columns), the steps,
 * `input.where` as it is written, `input.sample` and `input.limit`, the reductions, the format
 * and the shape of the rows, and the conversion of the model with the converter's version. Not in:
 * - the other `input.*` and `model.path`: the dataset and the model have digests of their own, by content;
 * - the `folder` of an input of files: the job may move, with its files;
 * - the paths of other files, but which of them are one: their content is put in when it is read;
 * - `output.path` and `name`: where a result is and what it is called do not change it;
 * - `input.shardRows`, `map.batch`, `model.device`: they change how the work is done. A resumed job keeps its
 *   sealed plan;
 * - where programs lie: what is made of them is digested beside this;
 * - `model.check`: it says whether a job may run, and nothing about what comes out;
 * - files beside the manifest, such as `output.report`: they are about the run;
 * - `errors.maxRows`: raising it is how a job that ran out of it is taken up again.
 *
 * Shorthands and defaults are resolved before, so that writing a default out changes nothing. Those from
 * the model's folder are put in here: its labels, whether or not an output has as many classes (the model
 * settles that, and has a digest of its own), how files become values, where texts are cut off, and how
 * vectors are pooled.
 */
export function specDigest(spec: JobSpec, facts: FolderFacts | null = null): Digest {
  const files: string[] = [];
  const numbered = (path: string) => {
    if (!files.includes(path)) files.push(path);
    return String(files.indexOf(path));
  };
  const { inputs, keep, prepare, finish } = withFiles(spec.map, numbered);
  const labels = facts?.labels ?? null;
  const isPooled = spec.map.outputs.length === 0 || spec.map.outputs.some((output) => leavesPooling(output));
  const pooling = isPooled ? (facts?.pooling ?? null) : null;
  const outputs = spec.map.outputs.map((output) => ({
    ...(pooling !== null && leavesPooling(output) ? {} : { op: USUAL_OP }),
    ...(labels !== null && leavesLabels(output) ? { ...output, labels } : output),
  }));
  const converted = conversionOf(spec.model);
  const { where, sample, limit } = spec.input;
  return sha256(
    canonicalJson({
      version: 1,
      inputs: withoutFolders(inputs),
      ...featureFacts(inputs, facts),
      ...(spec.map.state === undefined ? {} : { state: spec.map.state }),
      ...(pooling === null ? {} : { pooling }),
      ...inputFacts(inputs, facts),
      outputs,
      keep,
      ...(prepare.length === 0 ? {} : { prepare }),
      ...(finish.length === 0 ? {} : { finish: withFolder(finish, facts) }),
      ...(where === undefined ? {} : { where }),
      ...(sample === undefined ? {} : { sample }),
      ...(limit === undefined ? {} : { limit }),
      reduce: withReductionFiles(spec.reduce, numbered),
      rows: spec.output.rows,
      ...shapeDigestOf(spec.output),
      ...(CONVERSION === null || converted === null
        ? {}
        : { [CONVERSION.key]: [converted, CONVERSION.version] }),
    }),
  );
}

/** Steps with what they leave to the folder. */
function withFolder(steps: JobSpec["map"]["finish"], facts: FolderFacts | null): JobSpec["map"]["finish"] {
  if (facts === null) return steps;
  return steps.map((step) => {
    const named = stepValue(step);
    if (named === null) return step;
    const { part, value } = named;
    if (typeof value === "string") return step;
    return { ...step, [part.key]: part.withFolder?.(value, facts) ?? value };
  });
}

function isSaid(input: object, key: string): boolean {
  return (input as Readonly<Record<string, unknown>>)[key] !== undefined;
}

/** Returns what the folder adds for inputs that steps make. */
function inputFacts(inputs: JobSpec["map"]["inputs"], facts: FolderFacts | null): object {
  const used = INPUTS.filter(({ key }) => Object.values(inputs).some((input) => isSaid(input, key)));
  const added = used.map(({ key, identity }) => {
    const said = facts?.features[key];
    return said === undefined ? {} : identity(said);
  });
  return Object.assign({}, ...added);
}

function withoutFolders(inputs: JobSpec["map"]["inputs"]): Readonly<Record<string, unknown>> {
  const entries = Object.entries(inputs).map(([name, input]) => {
    const files = fileSpecs(input).map(([key, { folder: _folder, ...rest }]) => [key, rest]);
    return [name, { ...input, ...Object.fromEntries(files) }];
  });
  return Object.fromEntries(entries);
}

/** What the folder says of how files become values, for features that the job uses. */
function featureFacts(inputs: JobSpec["map"]["inputs"], facts: FolderFacts | null): object {
  const found = facts?.features ?? {};
  const used = FEATURES.filter(({ key }) => Object.values(inputs).some((input) => fileSpec(input, key)));
  return Object.fromEntries(used.flatMap(({ key, files }) => (found[key] ? [[files, found[key]]] : [])));
}
