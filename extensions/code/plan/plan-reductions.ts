import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, type Problem } from "../../../shared/core/errors.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { ModuleReduction, ModuleReductions } from "../../../shared/domain/module-reduction.ts";
import type { StepFile } from "../../../shared/domain/step-binding.ts";
import { ReductionThread } from "../threads/reduction-thread-client.ts";
import { stepInvalid } from "./bundle-module.ts";
import { nameProblem, readProblem } from "./declared-columns.ts";
import { declarationOf } from "./plan-module.ts";

interface ReductionsContext {
  /** Of the rows files. */
  readonly fields: readonly Field[];
  /** The bundles, by the files that the job names. */
  readonly files: ReadonlyMap<string, StepFile>;
  readonly signal: AbortSignal;
}

/**
 * Binds the reductions that are a user's own code to the rows that will be. The code is loaded, and says what
 * it reads and makes; it is given no rows.
 *
 * @throws {STEP_INVALID} with the problems of all of them at once
 */
export async function planReductions(
  reduce: JobSpec["reduce"],
  context: ReductionsContext,
): Promise<ModuleReductions> {
  const planned: [string, ModuleReduction][] = [];
  const problems: Problem[] = [];
  for (const [name, { module }] of Object.entries(reduce)) {
    if (module === undefined) continue;
    try {
      planned.push([name, await planReduction(`reduce.${name}`, module, context)]);
    } catch (error) {
      if (!isShardmillError(error, "STEP_INVALID")) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw stepInvalid("reduce", problems);
  return Object.fromEntries(planned);
}

async function planReduction(
  where: string,
  path: string,
  { fields, files, signal }: ReductionsContext,
): Promise<ModuleReduction> {
  const file = present(files.get(path), "the code of the reductions is bundled");
  const thread = new ReductionThread(localPathOf(file.location), where);
  const { reads, combined, columns } = await declarationOf(thread, where, signal);
  const problems = [
    ...reads.flatMap((column) => readProblem(column, fields, where) ?? []),
    ...[combined, columns].flatMap((made) =>
      made.flatMap((column) => nameProblem(column, made, [], where) ?? []),
    ),
  ];
  if (problems.length > 0) throw stepInvalid(where, problems);
  const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name);
  return { where, path, file, reads: names(reads), combined: names(combined), columns: names(columns) };
}
