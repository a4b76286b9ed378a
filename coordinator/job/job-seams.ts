import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import type { JobDigests, PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import { RowCounter, type RowCounting } from "../commit/row-counter.ts";
import type { LockSeams } from "../journal/lock.ts";
import { systemProcesses } from "../journal/process-identity.ts";
import { readModelFile } from "../plan/model-file.ts";
import { digestsOf, planJob, readInput } from "../plan/plan-job.ts";
import { writePoisonedRows } from "../publish/poisoned-rows.ts";
import { reducePartials } from "../reduce/reduce.ts";
import type { JobState } from "../schedule/state.ts";

/**
 * Where a running job touches the world. The journal, the partials, staging and publishing go through `disk`; what reads
 * Parquet or a model is a function of its own. The simulator gives all of them, and the rest of the job is the real one.
 */
export interface JobSeams extends LockSeams {
  readonly disk: Disk;
  readonly random: Random;
  plan(spec: JobSpec, signal: AbortSignal): Promise<PlannedJob>;
  /** What identifies a job, without checking it. */
  digests(spec: JobSpec, signal: AbortSignal): Promise<JobDigests>;
  rowCounter(partialsPath: string, tempFolder: string): RowCounting;
  readonly reduce: typeof reducePartials;
  readonly writePoisoned: typeof writePoisonedRows;
  /** Told of each state that is taken up, to look at and never to change: where invariants are checked. */
  watch(state: JobState): void;
}

export const realSeams: JobSeams = {
  disk: realDisk,
  random: systemRandom,
  processes: systemProcesses,
  plan: planJob,
  digests: readDigests,
  rowCounter: (partialsPath, tempFolder) => new RowCounter(partialsPath, tempFolder),
  reduce: reducePartials,
  writePoisoned: writePoisonedRows,
  watch: () => {},
};

async function readDigests(spec: JobSpec, signal: AbortSignal): Promise<JobDigests> {
  const { dataset } = await readInput(spec, signal);
  return digestsOf(spec, dataset, await readModelFile(spec.model.path, signal));
}
