import { canonicalJson, sha256 } from "../core/digest.ts";
import type { JobSpec } from "../domain/job-spec.ts";

/**
 * What must be equal for two runs to give the same result, as a sha256: on resume, the same job.
 *
 * In: the inputs, the outputs and `keep` (with their order, which is that of the columns), the reductions, and the format
 * of the rows. Not in:
 * - `input.*` and `model.path`: the dataset and the model have digests of their own, by content;
 * - `output.path` and `name`: where a result is and what it is called do not change it;
 * - `input.shardRows`, `map.batch`, `model.device`: they change how the work is done. A resumed job keeps its sealed plan;
 * - `errors.maxRows`: raising it is how a job that ran out of it is taken up again.
 *
 * Shorthands and defaults are resolved before, so that writing a default out changes nothing.
 */
export function specDigest(spec: JobSpec): string {
  const { inputs, outputs, keep } = spec.map;
  return sha256(
    canonicalJson({
      version: 1,
      inputs,
      outputs: Object.entries(outputs),
      keep,
      reduce: spec.reduce,
      rows: spec.output.rows,
    }),
  );
}
