import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import {
  type FolderDoubt,
  leavesLabels,
  leavesPooling,
  type ModelFolder,
  USUAL_OP,
} from "../../../shared/domain/model-folder.ts";
import type { TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";
import type { OpKind } from "../../../shared/output-ops/output-ops.ts";

/**
 * An output that leaves its labels to the model gets the names that the model itself has for the classes.
 * Classes that are called by their index are left to be numbers.
 */
export function withModelLabels(spec: OutputSpec, { classes }: TensorInfo): OutputSpec {
  if (classes === undefined || !leavesLabels(spec)) return spec;
  const isIndexed = classes.every((name, index) => name === String(index));
  return isIndexed ? spec : { ...spec, labels: [...classes] };
}

/**
 * An output that leaves its labels to the model's folder gets those, if it has as many classes. Where the
 * folder contradicts itself there is a problem instead: a column of indices in place of the names that were
 * expected would be a guess.
 */
export function withFolderLabels(
  { spec, path }: { readonly spec: OutputSpec; readonly path: KeyPath },
  classes: number,
  folder: ModelFolder | null,
  problems: SpecProblem[],
): OutputSpec {
  if (folder === null || !leavesLabels(spec)) return spec;
  const { labels } = folder.facts;
  if (labels !== null) return labels.length === classes ? { ...spec, labels } : spec;
  const doubt = folder.doubts.find(({ about }) => about === "labels");
  if (doubt !== undefined) problems.push({ path: [...path, "op"], part: "value", ...unclearLabels(doubt) });
  return spec;
}

/** An output of which it is known what is made. */
export type OutputOfOp = OutputSpec & { readonly op: OpKind };

/**
 * An output of `op: pool` that does not say how gets what the model's folder says, the normalization with it
 * unless the job says that itself. So does one of the vectors of tokens that says no op; any other is then
 * `raw`. Where the folder is not clear, there is a problem instead.
 *
 * @param tensor its ONNX output
 */
export function withFolderPooling(
  { spec, path, tensor }: { readonly spec: OutputSpec; readonly path: KeyPath; readonly tensor: string },
  folder: ModelFolder | null,
  problems: SpecProblem[],
): OutputOfOp {
  const { op = USUAL_OP } = spec;
  if (folder === null || !leavesPooling(spec, tensor)) return { ...spec, op };
  const { pooling } = folder.facts;
  if (pooling !== null) return { normalize: pooling.normalize, ...spec, op: "pool", pool: pooling.pool };
  const doubt = folder.doubts.find(({ about }) => about === "pooling");
  if (doubt === undefined) return { ...spec, op };
  const { where, what, found } = doubt;
  problems.push({
    path: [...path, "op"],
    part: "value",
    what: `the model's folder does not say clearly how vectors are pooled: ${where} ${what}`,
    expected: spec.op === undefined ? "`op: pool` with `pool`, or `op: raw`" : "`pool` here",
    found,
  });
  return { ...spec, op };
}

function unclearLabels({ where, what, found }: FolderDoubt): Omit<SpecProblem, "path" | "part"> {
  return {
    what: `the model's folder does not say clearly what the classes are: ${where} ${what}`,
    expected: "`labels`, here or from config.json",
    found,
    hint: "give `labels`, mend the file, or let `model.path` name the ONNX file itself: then classes have numbers",
  };
}
