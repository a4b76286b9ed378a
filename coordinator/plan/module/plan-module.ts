import { orAbort } from "../../../shared/core/abort.ts";
import type { Problem } from "../../../shared/core/errors.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import { showType as showFieldType } from "../../../shared/dataset/field-differences.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { localPathOf } from "../../../shared/domain/location.ts";
import type { StepBinding, StepColumn, StepFile } from "../../../shared/domain/step-binding.ts";
import type { StepDeclaration } from "../../../shared/modules/loaded-step.ts";
import { ModuleThread, ThreadLost } from "../../../shared/modules/module-thread-client.ts";
import {
  canRead,
  fieldOfType,
  type NamedType,
  showType,
  typeThatReads,
} from "../../../shared/modules/value-type.ts";
import { stepInvalid } from "./bundle-module.ts";

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
  const declaration = await declarationOf(file, where, signal);
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

async function declarationOf(
  { location }: StepFile,
  where: string,
  signal: AbortSignal,
): Promise<StepDeclaration> {
  const thread = new ModuleThread(localPathOf(location), where);
  try {
    return await orAbort(thread.declaration(), signal);
  } catch (error) {
    if (!(error instanceof ThreadLost)) throw error;
    throw stepInvalid(where, [{ where, what: `while it was loaded, it ${error.message}` }], error);
  } finally {
    await thread.kill();
  }
}

function readProblem({ name, type }: NamedType, fields: readonly Field[], where: string): Problem | null {
  const field = fields.find((found) => found.name === name);
  const names = fields.map((found) => found.name);
  const reads = `${where} reads`;
  if (field === undefined) {
    return {
      where: reads,
      what: `no column \`${name}\``,
      expected: listNames(names),
      found: `\`${name}\``,
      ...didYouMean(name, names),
    };
  }
  if (canRead(type, field.type)) return null;
  const fitting = typeThatReads(field.type);
  return {
    where: reads,
    what: `\`${name}\` cannot be read as ${showType(type)}`,
    expected: fitting === null ? "a type that a step can read" : showType(fitting),
    found: showFieldType(field.type),
    ...(fitting === null ? { hint: "make another column of it with `sql` in front of the step" } : {}),
  };
}

/** In SQL, and in what is published, case does not tell columns apart. */
function nameProblem(
  { name }: NamedType,
  made: readonly NamedType[],
  fields: readonly Field[],
  where: string,
): Problem | null {
  const isAlike = (other: { readonly name: string }) =>
    other.name !== name && other.name.toLowerCase() === name.toLowerCase();
  const other = made.find(isAlike) ?? fields.find(isAlike);
  if (name !== "" && other === undefined) return null;
  return {
    where: `${where} columns`,
    what: name === "" ? "a column without a name" : `\`${name}\` and \`${other?.name}\` differ in case only`,
    expected: "names that differ by more than upper and lower case",
    found: `\`${name}\``,
  };
}

/** What passes, in its order, then what is new; what is made anew stays in its place. */
function columnsBehind(fields: readonly Field[], made: readonly NamedType[]): readonly StepColumn[] {
  const own = new Map(made.map((column) => [column.name, { ...fieldOfType(column), from: null }]));
  const behind = fields.map((field): StepColumn => own.get(field.name) ?? { ...field, from: field.name });
  const names = new Set(fields.map(({ name }) => name));
  return [...behind, ...[...own.values()].filter(({ name }) => !names.has(name))];
}
