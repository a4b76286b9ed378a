import { orAbort } from "../../../shared/core/abort.ts";
import { present } from "../../../shared/core/assert.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { StepColumn } from "../../../shared/domain/step-binding.ts";
import type { ReductionPlanner } from "../../../shared/extension/reduction-part.ts";
import type { StepPlanner } from "../../../shared/extension/step-part.ts";
import { stepInvalid } from "../../../shared/steps/step-invalid.ts";
import { fieldOfType, type NamedType } from "../../../shared/values/value-type.ts";
import { ModuleThread } from "../threads/module-thread-client.ts";
import { ReductionThread } from "../threads/reduction-thread-client.ts";
import { ThreadLost } from "../threads/user-thread.ts";
import { nameProblem, readProblem } from "./declared-columns.ts";

/**
 * Plans a step of a user's own code. A temporary thread loads the code to get its declaration. The code gets
 * no rows, and `open` is not called.
 *
 * @throws {STEP_INVALID} when the code cannot be loaded, is no step, or reads a missing column or a wrong
 *   type
 */
export const planStep = (async (value, { where, files, fields, signal }) => {
  const path = String(value);
  const file = present(files.get(path), "the code of the steps is bundled");
  const thread = new ModuleThread(localPathOf(file.location), where);
  const { reads, columns, timeoutSeconds } = await declarationOf(thread, where, signal);
  const problems = [
    ...reads.flatMap((column) => readProblem(column, fields, where) ?? []),
    ...columns.flatMap((column) => nameProblem(column, columns, fields, where) ?? []),
  ];
  if (problems.length > 0) throw stepInvalid(where, problems);
  return {
    data: { path, timeoutSeconds },
    files: [file],
    reads: reads.map(({ name }) => name),
    columns: columnsBehind(fields, columns),
  };
}) satisfies StepPlanner;

/**
 * Plans a reduction of a user's own code. The code is loaded for its declaration, and gets no rows.
 *
 * @throws {STEP_INVALID} when the code cannot be loaded, is no reduction, or reads a missing column or a
 *   wrong type
 */
export const planReduction: ReductionPlanner = async ({ file, where }, { fields, signal }) => {
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
  return { reads: names(reads), combined: names(combined), columns: names(columns) };
};

/**
 * Returns the declaration of loaded code, and ends its thread.
 *
 * @throws {STEP_INVALID} when loading fails, or ends the thread
 */
async function declarationOf<T>(
  thread: { declaration(): Promise<T>; kill(): Promise<void> },
  where: string,
  signal: AbortSignal,
): Promise<T> {
  try {
    return await orAbort(thread.declaration(), signal);
  } catch (error) {
    if (!(error instanceof ThreadLost)) throw error;
    throw stepInvalid(where, [{ where, what: `while it was loaded, it ${error.message}` }], error);
  } finally {
    await thread.kill();
  }
}

/** Returns the columns behind a step: given columns first, with replaced ones in place, then new columns. */
function columnsBehind(fields: readonly Field[], made: readonly NamedType[]): readonly StepColumn[] {
  const own = new Map(made.map((column) => [column.name, { ...fieldOfType(column), from: null }]));
  const behind = fields.map((field): StepColumn => own.get(field.name) ?? { ...field, from: field.name });
  const names = new Set(fields.map(({ name }) => name));
  return [...behind, ...[...own.values()].filter(({ name }) => !names.has(name))];
}
