import { present } from "../../shared/core/assert.ts";
import { isShardmillError, type Problem } from "../../shared/core/errors.ts";
import { didYouMean } from "../../shared/core/nearest.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { reductionValue } from "../../shared/domain/features.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { ReductionBinding, ReductionBindings } from "../../shared/domain/reduction-binding.ts";
import { stepInvalid } from "../../shared/steps/step-invalid.ts";
import type { StepFiles } from "./steps/step-files.ts";

interface ReductionsContext {
  /** Columns of the mapped rows. */
  readonly fields: readonly Field[];
  readonly files: StepFiles;
  readonly signal: AbortSignal;
}

/**
 * Binds the reductions by programs to the mapped rows.
 *
 * @throws {STEP_INVALID} with the problems of all of them at once
 */
export async function planReductions(
  reduce: JobSpec["reduce"],
  { fields, files, signal }: ReductionsContext,
): Promise<ReductionBindings> {
  const planned: [string, ReductionBinding][] = [];
  const problems: Problem[] = [];
  for (const [name, reduction] of Object.entries(reduce)) {
    const named = reductionValue(reduction);
    if (named === null) continue;
    const { part, value: path } = named;
    const where = `reduce.${name}`;
    const file = present(files.get(path), "the programs of the reductions are made");
    try {
      const plan = await part.loadPlanner();
      const columns = await plan({ where, file }, { fields, signal });
      problems.push(...keyProblems(where, reduction.by ?? [], columns.combined));
      planned.push([name, { where, path, file, ...columns }]);
    } catch (error) {
      if (!isShardmillError(error, "STEP_INVALID")) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw stepInvalid("reduce", problems);
  return Object.fromEntries(planned);
}

/** Checks that a program's `combine` returns the key columns. SQL, which divides them, ignores case. */
function keyProblems(where: string, by: readonly string[], combined: readonly string[]): readonly Problem[] {
  const names = new Set(combined.map((name) => name.toLowerCase()));
  const lacking = by.filter((key) => !names.has(key.toLowerCase()));
  return lacking.map((key) => ({
    where: `${where}.by`,
    what: "`combine` returns no such column",
    expected: `one of ${combined.map((name) => `\`${name}\``).join(", ")}`,
    found: key,
    ...didYouMean(key, combined),
  }));
}
