import { rm } from "node:fs/promises";
import { present } from "../../../shared/core/assert.ts";
import { isShardmillError, type Problem, ShardmillError } from "../../../shared/core/errors.ts";
import { makeTempFolder } from "../../../shared/core/temp-folder.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import { stepValue } from "../../../shared/domain/features.ts";
import { type JobTables, tablePaths } from "../../../shared/domain/job-tables.ts";
import type { StepSpec } from "../../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../../shared/domain/model-folder.ts";
import type { SqlOp, StepBinding, StepFile } from "../../../shared/domain/step-binding.ts";
import type { DescribedFiles } from "../../../shared/extension/step-part.ts";
import { useDatabase } from "../../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../../shared/sql/sql-process-client.ts";

/** Limits for the SELECT of a step over an empty table. */
const CHECK_LIMIT_MS = 30_000;
const CHECK_MEMORY_BYTES = 512 * 1024 * 1024;

export interface StepsContext extends DescribedFiles {
  /** Folder of the model. Null: the job names a model file. */
  readonly folder: ModelFolder | null;
  /** Tables that SQL can join with. */
  readonly tables: JobTables;
  readonly signal: AbortSignal;
}

interface StepContext extends StepsContext {
  /** Key of the list: `map.prepare`. */
  readonly key: string;
  /** Key of the step: `map.prepare[0]`. */
  readonly where: string;
  /** Columns that the step reads. */
  readonly fields: readonly Field[];
}

/**
 * Binds steps in order, the first one to `fields`.
 *
 * @throws {SQL_INVALID} {STEP_INVALID} {SPEC_INVALID} with all problems of the first step that has any
 */
export async function planSteps(
  key: string,
  specs: readonly StepSpec[],
  fields: readonly Field[],
  context: StepsContext,
): Promise<readonly StepBinding[]> {
  const steps: StepBinding[] = [];
  for (const [index, spec] of specs.entries()) {
    const before = fieldsBehind(steps, fields);
    steps.push(await planStep(spec, { ...context, key, where: `${key}[${index}]`, fields: before }));
  }
  return steps;
}

/** Returns the columns after the steps. */
export function fieldsBehind(steps: readonly StepBinding[], fields: readonly Field[]): readonly Field[] {
  const last = steps.at(-1);
  return last?.columns.map(({ name, type, nullable }) => ({ name, type, nullable })) ?? fields;
}

/** Plans one step. The schema of the job file ensures that a step has exactly one kind. */
async function planStep(spec: StepSpec, context: StepContext): Promise<StepBinding> {
  const { sql } = spec;
  if (sql !== undefined) return await planSqlStep(sql, context);
  const { part, value } = present(stepValue(spec), "a step does something");
  const where = part.program === undefined ? `${context.where}.${part.key}` : context.where;
  const plan = await part.loadPlanner();
  const planned = await plan(value, { ...context, where });
  if ("problems" in planned)
    throw new ShardmillError("SPEC_INVALID", `${where} cannot be planned`, { problems: planned.problems });
  const { data, ...rest } = planned;
  return { where, op: { kind: "extension", step: part.step.kind, data }, ...rest };
}

async function planSqlStep(sql: string, context: StepContext): Promise<StepBinding> {
  const { key, where, fields, tables, signal } = context;
  // Lazy: it loads the decoders, for the result of a trial.
  const { planSql } = await import("../../../shared/steps/plan-sql.ts");
  const scratch = await makeTempFolder("steps");
  try {
    const opening = openSqlProcess({
      folders: [scratch],
      tables: { paths: tablePaths(tables), as: "empty" },
      tempFolder: scratch,
      purpose: "check",
      memoryLimitBytes: CHECK_MEMORY_BYTES,
      limitMs: CHECK_LIMIT_MS,
      signal,
    });
    const source = { where: `${where}.sql`, sql };
    const planned = await useDatabase(
      opening,
      (database) => planSql(source, fields, database, scratch).catch(refusal),
      signal,
    );
    if (planned.kind === "refused") throw invalid(key, planned.problems);
    const { step } = planned;
    return { ...step, files: step.op.kind === "sql" ? filesOf(step.op, tables) : [] };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Returns the files of the tables that a SELECT joins. */
function filesOf({ joins }: SqlOp, tables: JobTables): readonly StepFile[] {
  return (joins?.tables ?? []).map((name) => {
    const { rows: _, ...file } = present(tables[name], "a joined table is the job's");
    return file;
  });
}

function refusal(error: unknown): { readonly kind: "refused"; readonly problems: readonly Problem[] } {
  const isRefusal = isShardmillError(error, "SQL_INVALID") || isShardmillError(error, "SQL_FAILED");
  if (!isRefusal) throw error;
  const own = { where: String(error.fields.where), what: error.message };
  return { kind: "refused", problems: error.problems.length > 0 ? error.problems : [own] };
}

function invalid(key: string, problems: readonly Problem[]): ShardmillError {
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new ShardmillError("SQL_INVALID", `the SQL of ${key} has ${count}`, { problems });
}
