import { rm } from "node:fs/promises";
import { isShardmillError, type Problem, ShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { MapBinding } from "../../shared/domain/map-binding.ts";
import type { StepSpec } from "../../shared/domain/map-spec.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import { outputFields, publishedFields } from "../../shared/domain/output-fields.ts";
import { pruneSteps, type StepBinding } from "../../shared/domain/step-binding.ts";
import type { ModelSignature } from "../../shared/domain/tensor.ts";
import { useDatabase } from "../../shared/sql/sql-database.ts";
import { openSqlProcess } from "../../shared/sql/sql-process-client.ts";
import { planSql } from "../../shared/steps/plan-sql.ts";
import { bindMap } from "./bind/bind-map.ts";

/** How long the SELECT of a step may take over no rows at all. */
const CHECK_LIMIT_MS = 30_000;
const CHECK_MEMORY_BYTES = 512 * 1024 * 1024;

interface MapContext {
  /** Of the input. */
  readonly fields: readonly Field[];
  /** Of the model, where the job names one. */
  readonly folder: ModelFolder | null;
  /** What drops rows before anything else sees them; null: nothing. */
  readonly filter: StepBinding | null;
  readonly signal: AbortSignal;
}

/**
 * Binds the whole `map` of a job: the steps in front of the model to the dataset's columns, the model to what
 * these leave, and the steps behind it to the rows that the model makes.
 *
 * @throws {SQL_INVALID} {SPEC_INVALID} with all problems of the first part that has some: what follows cannot
 * be bound to columns that nobody knows
 */
export async function planMap(
  spec: JobSpec["map"],
  signature: ModelSignature,
  { fields, folder, filter, signal }: MapContext,
): Promise<MapBinding> {
  const planned = await planSteps("map.prepare", spec.prepare, fields, signal);
  const prepare = filter === null ? planned : [filter, ...planned];
  const bound = bindMap(spec, signature, fieldsBehind(prepare, fields), folder);
  const finish = await planSteps("map.finish", spec.finish, outputFields(bound), signal);
  const { steps, needed } = pruneSteps(prepare, bound.columns);
  const read = new Set(needed);
  const columns = fields.map(({ name }) => name).filter((name) => read.has(name));
  const [first] = fields;
  // A step may need no column at all; the rows are read all the same.
  if (columns.length === 0 && first !== undefined) columns.push(first.name);
  const map = { ...bound, prepare: steps, columns };
  const published = publishedFields({ ...map, finish }).map(({ name }) => name);
  return { ...map, finish: pruneSteps(finish, published).steps };
}

async function planSteps(
  key: string,
  specs: readonly StepSpec[],
  fields: readonly Field[],
  signal: AbortSignal,
): Promise<readonly StepBinding[]> {
  if (specs.length === 0) return [];
  const scratch = await makeTempFolder("steps");
  try {
    const opening = openSqlProcess({
      folders: [scratch],
      tempFolder: scratch,
      purpose: "check",
      memoryLimitBytes: CHECK_MEMORY_BYTES,
      limitMs: CHECK_LIMIT_MS,
      signal,
    });
    return await useDatabase(opening, signal, async (database) => {
      const steps: StepBinding[] = [];
      for (const [index, { sql }] of specs.entries()) {
        const source = { where: `${key}[${index}].sql`, sql };
        const planned = await planSql(source, fieldsBehind(steps, fields), database, scratch).catch(refusal);
        if (planned.kind === "refused") throw invalid(key, planned.problems);
        steps.push(planned.step);
      }
      return steps;
    });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
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

function fieldsBehind(steps: readonly StepBinding[], fields: readonly Field[]): readonly Field[] {
  const last = steps.at(-1);
  return last?.columns.map(({ name, type, nullable }) => ({ name, type, nullable })) ?? fields;
}
