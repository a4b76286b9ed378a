import { orAbort } from "../../../shared/core/abort.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { StepBinding, StepColumn, StepFile } from "../../../shared/domain/step-binding.ts";
import { ModuleThread } from "../threads/module-thread-client.ts";
import { ThreadLost } from "../threads/user-thread.ts";
import { fieldOfType, type NamedType } from "../../../shared/values/value-type.ts";
import { stepInvalid } from "./bundle-module.ts";
import { nameProblem, readProblem } from "./declared-columns.ts";

interface ModuleSource {
  /** How errors name the step: `map.prepare[0]`. */
  readonly where: string;
  /** The user's file, as people are shown it. */
  readonly path: string;
  /** Its bundle. */
  readonly file: StepFile;
  /** The columns in front of it. */
  readonly fields: readonly Field[];
  readonly signal: AbortSignal;
}

/**
 * Binds a user's own code to the columns in front of it. The code is loaded, in a thread that is ended
 * afterwards, and says what it reads and makes; it is given no rows, and opens nothing.
 *
 * @throws {STEP_INVALID} it cannot be loaded, is no step, or reads what is not there
 */
export async function planModule({ where, path, file, fields, signal }: ModuleSource): Promise<StepBinding> {
  const thread = new ModuleThread(localPathOf(file.location), where);
  const declaration = await declarationOf(thread, where, signal);
  const { reads, columns, timeoutSeconds } = declaration;
  const problems = [
    ...reads.flatMap((column) => readProblem(column, fields, where) ?? []),
    ...columns.flatMap((column) => nameProblem(column, columns, fields, where) ?? []),
  ];
  if (problems.length > 0) throw stepInvalid(where, problems);
  return {
    where,
    op: { kind: "module", path, timeoutSeconds },
    files: [file],
    reads: reads.map(({ name }) => name),
    columns: columnsBehind(fields, columns),
  };
}

/**
 * What code declares when it is loaded, in a thread that is ended afterwards.
 *
 * @throws {STEP_INVALID}
 */
export async function declarationOf<T>(
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

/** What passes, in its order, then what is new; what is made anew stays in its place. */
function columnsBehind(fields: readonly Field[], made: readonly NamedType[]): readonly StepColumn[] {
  const own = new Map(made.map((column) => [column.name, { ...fieldOfType(column), from: null }]));
  const behind = fields.map((field): StepColumn => own.get(field.name) ?? { ...field, from: field.name });
  const names = new Set(fields.map(({ name }) => name));
  return [...behind, ...[...own.values()].filter(({ name }) => !names.has(name))];
}
