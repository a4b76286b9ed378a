import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { systemProcesses } from "../../shared/core/process-identity.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { processTally } from "../../shared/http/store-tally.ts";
// Shares the credentials state with the checker threads, which get it from this thread.
import "../../shared/storage/taken-before.ts";
import { JobStorages } from "../../shared/storage/job-storages.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { OpenChecker } from "../commit/check-partials.ts";
import { CheckerThreadClient } from "../commit/checker-thread-client.ts";
import type { LoopTime } from "../insight/run-meter.ts";
import type { LockSeams } from "../journal/lock.ts";
import { SNAPSHOT_RECORDS } from "../journal/snapshot-keeper.ts";
import { type IdentifiedJob, identifyJob } from "../plan/identify-job.ts";
import { type PlanOptions, planJob } from "../plan/plan-job.ts";
import { type Reach, readStores } from "../plan/read-stores.ts";
import { writePoisonedRows } from "../publish/poisoned-rows.ts";
import { reducePartials } from "../reduce/reduce.ts";
import type { JobState } from "../schedule/state/job-state.ts";

/**
 * Everything through which a running job reaches the outside. The journal and its lock use `disk`. Partials
 * and output use the storage of their location. Reading Parquet or a model is a function of its own. The
 * simulator replaces all of them and runs the rest of the job unchanged.
 */
export interface JobSeams extends LockSeams {
  /** Disk of the lock and the journal. */
  readonly disk: Disk;
  /**
   * Opens the storage of a job's output and partials. The storage stays open until the process exits.
   *
   * @throws {STORE_REFUSED} when the location cannot be reached from here
   * @throws {SPEC_INVALID} when the job's store settings are invalid
   */
  openStorage(output: Location, spec: Pick<JobSpec, "stores">, reach: Reach): Promise<Storage>;
  /** Jobs come from untrusted submitters, see {@link Reach}. Default: false. */
  readonly isGuarded?: boolean | undefined;
  readonly random: Random;
  /** Most records between two snapshots of a journal. */
  readonly snapshotRecords: number;
  plan(spec: JobSpec, options: PlanOptions): Promise<PlannedJob>;
  /** Identifies a job without checking it. */
  identify(
    spec: JobSpec,
    options: Pick<PlanOptions, "found" | "signal" | keyof Reach>,
  ): Promise<IdentifiedJob>;
  /** Opens the checker of partials. It runs apart from the thread that serves the workers. */
  readonly openChecker: OpenChecker;
  readonly reduce: typeof reducePartials;
  /** Bytes that a task of a reduction by key reads, about. Default: that of `divideBuckets`. */
  readonly partBytes?: number | undefined;
  /** Memory to sort a part of all rows. Default: that of `sortAllLimits`. */
  readonly sortMemory?: number | undefined;
  readonly writePoisoned: typeof writePoisonedRows;
  /** Returns how busy this thread has been since a fixed moment. */
  loopTime(): LoopTime;
  /** Returns the store requests of this process since a fixed moment. */
  storeCounts(): readonly StoreCounts[];
  /** Receives the state of each opened job, read-only. The simulator checks invariants there. */
  watch(state: JobState, outputPath: string): void;
  /** Receives the state of each opened inner job, read-only. */
  watchTasks(state: JobState, places: TaskPlaces): void;
}

/** Places of an inner job: the output of its outer job, its journal, and the results of its tasks. */
export interface TaskPlaces {
  readonly output: Location;
  readonly journal: string;
  readonly partials: Location;
}

const storages = new JobStorages();

export const realSeams: JobSeams = {
  disk: realDisk,
  openStorage: async (output, spec, reach) =>
    storages.of({ stores: await readStores(spec, reach) }).at(output),
  random: systemRandom,
  processes: systemProcesses,
  snapshotRecords: countIn(process.env.SHARDMILL_SNAPSHOT_RECORDS) ?? SNAPSHOT_RECORDS,
  partBytes: countIn(process.env.SHARDMILL_PART_BYTES),
  sortMemory: countIn(process.env.SHARDMILL_SORT_MEMORY),
  plan: planJob,
  identify: identifyJob,
  openChecker: (place) => new CheckerThreadClient(place),
  reduce: reducePartials,
  writePoisoned: writePoisonedRows,
  loopTime,
  storeCounts: () => processTally.read(),
  watch: () => {},
  watchTasks: () => {},
};

/**
 * Reads a number from the environment. Fault injection commands lower it, to get many snapshots, tasks or
 * parts of a small job.
 */
function countIn(requested: string | undefined): number | undefined {
  return requested !== undefined && /^[1-9]\d{0,8}$/.test(requested) ? Number(requested) : undefined;
}

function loopTime(): LoopTime {
  const { active, idle } = performance.eventLoopUtilization();
  return { activeMs: active, idleMs: idle };
}
