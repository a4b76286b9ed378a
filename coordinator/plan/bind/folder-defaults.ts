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
 * Adds the model's own class names to an output without labels. Classes that are named by their index stay
 * numbers.
 */
export function withModelLabels(spec: OutputSpec, { classes }: TensorInfo): OutputSpec {
  if (classes === undefined || !leavesLabels(spec)) return spec;
  const isIndexed = classes.every((name, index) => name === String(index));
  return isIndexed ? spec : { ...spec, labels: [...classes] };
}

/**
 * Adds the labels of the model's folder to an output without labels, if the number of classes matches. If the
 * folder contradicts itself, reports a problem: indices in place of the expected names would be a guess.
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

/** An output whose op is known. */
export type OutputOfOp = OutputSpec & { readonly op: OpKind };

/**
 * Adds the pooling of the model's folder to an output of `op: pool` without `pool`. Also adds `normalize`,
 * unless the job sets it. An output of token vectors without an op becomes `op: pool`, and any other output
 * `raw`. If the folder is unclear, reports a problem.
 *
 * @param tensor name of the ONNX output
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
    hint: "give `labels`, fix the file, or name the ONNX file itself in `model.path`: classes are then numbers",
  };
}
