import { rm } from "node:fs/promises";
import { ShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { Dataset, Field } from "../../shared/domain/dataset.ts";
import type { JobDigests, ModelFile, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { LeftOut } from "../../shared/domain/left-out.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { publishedFields } from "../../shared/domain/output-fields.ts";
import { specDigest } from "../../shared/job-file/spec-digest.ts";
import { warmSqlProcess } from "../../shared/sql/spare-process.ts";
import { checkReductions } from "../reduce/check-sql.ts";
import { checkKeptTypes } from "./check-kept-types.ts";
import { checkOutput } from "./check-output.ts";
import { convertedModel } from "./converted-model.ts";
import { allOrEveryProblem } from "./every-problem.ts";
import { readFooters } from "./footers.ts";
import { discoverFiles } from "./input/discover.ts";
import { inspectModel } from "./inspect-model.ts";
import { outputRowBytes } from "./output-row-bytes.ts";
import { planMap } from "./plan-map.ts";
import { planShards } from "./planner.ts";
import { type FileFooter, sealDataset } from "./seal-dataset.ts";
import { type CheckedWhere, checkWhere } from "./where/check-where.ts";
import { pruneRowGroups } from "./where/prune.ts";

/** Does what has bounds of its own, beside what planning is bounded for: others may plan meanwhile. */
export type Aside = <T>(task: () => Promise<T>) => Promise<T>;

/**
 * Everything that can be known before any work: the files and their footers, the model's signature, the map
 * bound to both, the reductions' SQL checked against the rows that will be, and the shards. Runs no
 * inference, and writes nothing but a converted model to the cache, last.
 *
 * @throws {SPEC_INVALID} and the INPUT_, MODEL_, OUTPUT_ and SQL_ codes; what is wrong with input, model and
 * output comes in one error
 */
export async function planJob(
  spec: JobSpec,
  signal: AbortSignal,
  aside: Aside = (task) => task(),
): Promise<PlannedJob> {
  refuseWhere(spec);
  // It loads while the input is read.
  if (hasSql(spec)) warmSqlProcess();
  const [input, model] = await allOrEveryProblem([
    readInput(spec, signal),
    inspectModel(spec.model.path, signal),
    checkOutput(spec),
  ]).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  const map = await aside(() => planMap(spec.map, model.signature, input.dataset.fields, signal));
  checkKeptTypes(spec, map.keep, input.dataset.files);
  const hasChecked = spec.input.where !== undefined || Object.keys(spec.reduce).length > 0;
  const where = hasChecked
    ? await aside(() => checkSql(spec, { map, fields: input.dataset.fields, signal }))
    : null;
  const { files, pruned } =
    where === null ? { files: input.footers, pruned: [] } : pruneRowGroups(input.footers, where.predicate);
  const shards = planShards(files, {
    shardRows: spec.input.shardRows,
    outputRowBytes: outputRowBytes(map),
  });
  const digests = digestsOf(spec, input.dataset, model);
  const { precision } = spec.model;
  const { dataset, leftOut } = input;
  const planned = { spec, dataset, leftOut, map, pruned, shards, digests };
  if (precision === "original") return { ...planned, model, converted: null };
  const { model: made, conversion } = await convertedModel(model, precision, signal);
  return { ...planned, model: made, converted: { original: model, conversion } };
}

/** Rows are pruned by it, and not yet filtered: a job with it would give rows that it does not want. */
function refuseWhere({ input }: JobSpec): void {
  if (input.where === undefined) return;
  throw new ShardmillError("SPEC_INVALID", "the job cannot run as it stands", {
    problems: [{ where: "input.where", what: "rows are not filtered yet" }],
  });
}

function hasSql({ input, map, reduce }: JobSpec): boolean {
  const hasSteps = map.prepare.length > 0 || map.finish.length > 0;
  return hasSteps || input.where !== undefined || Object.keys(reduce).length > 0;
}

/** What identifies a job, found without checking it: enough to see that it is published already. */
export function digestsOf(spec: JobSpec, dataset: Dataset, model: Omit<ModelFile, "signature">): JobDigests {
  return { spec: specDigest(spec), input: dataset.digest, model: modelDigest(model) };
}

export async function readInput(
  spec: JobSpec,
  signal: AbortSignal,
): Promise<{ dataset: Dataset; footers: readonly FileFooter[]; leftOut: readonly LeftOut[] }> {
  const { files, leftOut } = await discoverFiles(spec.input, spec.output.path, signal);
  const footers = await readFooters(files, { signal, where: spec.input.where ?? null });
  return { dataset: sealDataset(footers), footers, leftOut };
}

interface SqlContext {
  readonly map: PlannedJob["map"];
  /** Of the input. */
  readonly fields: readonly Field[];
  readonly signal: AbortSignal;
}

/** All SQL of a job, and what its `where` says; null without one. */
async function checkSql(spec: JobSpec, { map, fields, signal }: SqlContext): Promise<CheckedWhere | null> {
  const scratch = await makeTempFolder("plan");
  const { reduce } = spec;
  const { where: sql } = spec.input;
  try {
    const [where] = await allOrEveryProblem([
      sql === undefined ? null : checkWhere({ sql, fields, scratchFolder: scratch, signal }),
      checkReductions({ reduce, fields: publishedFields(map), scratchFolder: scratch, signal }),
    ]);
    return where;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}
