import { rm } from "node:fs/promises";
import { isShardmillError, ShardmillError, toShardmillError } from "../../shared/core/errors.ts";
import { makeTempFolder } from "../../shared/core/temp-folder.ts";
import type { Dataset } from "../../shared/domain/dataset.ts";
import type { JobDigests, ModelFile, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { LeftOut } from "../../shared/domain/left-out.ts";
import { modelDigest } from "../../shared/domain/model-digest.ts";
import { outputFields } from "../../shared/domain/output-fields.ts";
import { specDigest } from "../../shared/job-file/spec-digest.ts";
import { warmSqlProcess } from "../../shared/sql/spare-process.ts";
import { checkReductions } from "../reduce/check-sql.ts";
import { bindMap } from "./bind-map.ts";
import { checkKeptTypes } from "./check-kept-types.ts";
import { checkOutput } from "./check-output.ts";
import { convertedModel } from "./converted-model.ts";
import { readFooters } from "./footers.ts";
import { discoverFiles } from "./input/discover.ts";
import { inspectModel } from "./inspect-model.ts";
import { outputRowBytes } from "./output-row-bytes.ts";
import { planShards } from "./planner.ts";
import { type FileFooter, sealDataset } from "./seal-dataset.ts";

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
  // It loads while the input is read.
  if (Object.keys(spec.reduce).length > 0) warmSqlProcess();
  const [input, model] = await allOrEveryProblem([
    readInput(spec, signal),
    inspectModel(spec.model.path, signal),
    checkOutput(spec),
  ]).catch((error: unknown) => {
    signal.throwIfAborted();
    throw error;
  });
  const map = bindMap(spec.map, model.signature, input.dataset.fields);
  checkKeptTypes(spec, map.keep, input.dataset.files);
  if (Object.keys(spec.reduce).length > 0) await aside(() => checkSql(spec, map, signal));
  const shards = planShards(input.footers, {
    shardRows: spec.input.shardRows,
    outputRowBytes: outputRowBytes(map),
  });
  const digests = digestsOf(spec, input.dataset, model);
  const { precision } = spec.model;
  const { dataset, leftOut } = input;
  const planned = { spec, dataset, leftOut, map, shards, digests };
  if (precision === "original") return { ...planned, model, converted: null };
  const { model: made, conversion } = await convertedModel(model, precision, signal);
  return { ...planned, model: made, converted: { original: model, conversion } };
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
  const footers = await readFooters(files, { signal });
  return { dataset: sealDataset(footers), footers, leftOut };
}

async function checkSql(spec: JobSpec, map: PlannedJob["map"], signal: AbortSignal): Promise<void> {
  const scratch = await makeTempFolder("plan");
  try {
    const fields = outputFields(map);
    await checkReductions({ reduce: spec.reduce, fields, scratchFolder: scratch, signal });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** All results; when several fail, one error that tells every story. */
async function allOrEveryProblem<A, B, C>(
  parts: readonly [Promise<A>, Promise<B>, Promise<C>],
): Promise<[A, B, C]> {
  const settled = await Promise.allSettled(parts);
  const errors = settled.flatMap((result) =>
    result.status === "rejected" ? [result.reason as unknown] : [],
  );
  if (errors.length === 0) return await Promise.all(parts);
  const [only, ...more] = errors;
  if (more.length === 0 || errors.some((error) => !isShardmillError(error))) throw only;
  throw joined(errors.map(toShardmillError));
}

function joined(errors: readonly ShardmillError[]): ShardmillError {
  const problems = errors.flatMap((error) =>
    error.problems.length > 0
      ? error.problems
      : [
          {
            where: whereOf(error),
            what: error.message,
            ...(error.hint === undefined ? {} : { hint: error.hint }),
          },
        ],
  );
  return new ShardmillError(errors[0]?.code ?? "SPEC_INVALID", "the job cannot run as it stands", {
    problems,
  });
}

function whereOf(error: ShardmillError): string {
  const { path } = error.fields;
  return typeof path === "string" ? path : error.code;
}
