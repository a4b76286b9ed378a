import { canonicalJson, type Digest, sha256 } from "../core/digest.ts";
import { CONVERSION, conversionOf } from "../domain/conversion.ts";
import { FEATURES, fileSpec, INPUTS, stepValue } from "../domain/features.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import { type SpecStage, stagesOf } from "../domain/job-stages.ts";
import { withFolders } from "../domain/map-folders.ts";
import { type FolderFacts, leavesLabels, leavesPooling, USUAL_OP } from "../domain/model-folder.ts";
import { shapeDigestOf } from "../domain/output-shape.ts";
import { withFiles, withReductionFiles, withTableFiles } from "./map-files.ts";

/**
 * Returns the digest of all that determines the result of a job. On resume, an equal digest means the same
 * job.
 *
 * It covers the inputs, the outputs and `keep` with their order, which is that of the columns. It covers the
 * steps, `input.where` as written, `input.sample` and `input.limit`, the reductions, and the names of tables.
 * It also covers the format and shape of the rows, and the model's conversion with the converter's version.
 * It excludes:
 * - Other `input.*` keys and `model.path`. The dataset and the model have digests of their own, by content.
 * - The `folder` of an input or a step of files. The job may move together with its files.
 * - The paths of other files, except which of them are equal. Their content is added when they are read.
 * - `output.path` and `name`. They do not change the result.
 * - `input.shardRows`, `map.batch`, `model.device`. They change how the work is done. A resumed job keeps its
 *   sealed plan.
 * - The paths of programs. The built programs have digests of their own.
 * - `model.check`. It decides whether a job may run, not its result.
 * - Files beside the manifest, such as `output.report`. They describe the run.
 * - `errors.maxRows`. A user raises it to resume a job that exceeded it.
 *
 * Shorthands and defaults are resolved before, so that writing a default explicitly changes nothing. Defaults
 * from the model's folder are added here: labels, pooling, how files become values, and where texts are
 * truncated. Labels are added even if an output has another number of classes, which depends on the model's
 * own digest.
 *
 * @param facts by stage. Null: its model is a file. Default: all are.
 */
export function specDigest(spec: JobSpec, facts: readonly (FolderFacts | null)[] = []): Digest {
  const files: string[] = [];
  const numbered = (path: string) => {
    if (!files.includes(path)) files.push(path);
    return String(files.indexOf(path));
  };
  const stages = stagesOf(spec).map((stage, index) => stageParts(stage, facts[index] ?? null, numbered));
  const { where, sample, limit } = spec.input;
  return sha256(
    canonicalJson({
      version: 1,
      ...(spec.map.stages === undefined ? stages[0] : { stages }),
      ...(where === undefined ? {} : { where }),
      ...(sample === undefined ? {} : { sample }),
      ...(limit === undefined ? {} : { limit }),
      reduce: withReductionFiles(spec.reduce, numbered),
      ...withTableFiles(spec, numbered),
      rows: spec.output.rows,
      ...shapeDigestOf(spec.output),
    }),
  );
}

/** Returns the parts of a stage that determine its rows. */
function stageParts(
  { map, model }: SpecStage,
  facts: FolderFacts | null,
  numbered: (path: string) => string,
): object {
  const files = withFolders(withFiles(map, numbered), ({ folder: _folder, ...rest }) => rest);
  const { inputs, keep, prepare, finish, outputs: named } = files;
  const labels = facts?.labels ?? null;
  const isPooled = map.outputs.length === 0 || map.outputs.some((output) => leavesPooling(output));
  const pooling = isPooled ? (facts?.pooling ?? null) : null;
  const outputs = named.map((output) => ({
    ...(pooling !== null && leavesPooling(output) ? {} : { op: USUAL_OP }),
    ...(labels !== null && leavesLabels(output) ? { ...output, labels } : output),
  }));
  const converted = conversionOf(model);
  return {
    inputs,
    ...featureFacts(inputs, facts),
    ...(map.state === undefined ? {} : { state: map.state }),
    ...(pooling === null ? {} : { pooling }),
    ...inputFacts(inputs, facts),
    outputs,
    keep,
    ...(prepare.length === 0 ? {} : { prepare }),
    ...(finish.length === 0 ? {} : { finish: withFolder(finish, facts) }),
    ...(CONVERSION === null || converted === null
      ? {}
      : { [CONVERSION.key]: [converted, CONVERSION.version] }),
  };
}

/** Adds the folder's defaults to steps. */
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

/** Returns the folder's facts for inputs that steps make. */
function inputFacts(inputs: JobSpec["map"]["inputs"], facts: FolderFacts | null): object {
  const used = INPUTS.filter(({ key }) => Object.values(inputs).some((input) => isSaid(input, key)));
  const added = used.map(({ key, identity }) => {
    const said = facts?.features[key];
    return said === undefined ? {} : identity(said);
  });
  return Object.assign({}, ...added);
}

/** Returns the folder's facts about files for the features that the job uses. */
function featureFacts(inputs: JobSpec["map"]["inputs"], facts: FolderFacts | null): object {
  const found = facts?.features ?? {};
  const used = FEATURES.filter(({ key }) => Object.values(inputs).some((input) => fileSpec(input, key)));
  return Object.fromEntries(used.flatMap(({ key, files }) => (found[key] ? [[files, found[key]]] : [])));
}
