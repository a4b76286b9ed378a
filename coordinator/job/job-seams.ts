import { type Disk, realDisk } from "../../shared/core/disk.ts";
import { systemProcesses } from "../../shared/core/process-identity.ts";
import { type Random, systemRandom } from "../../shared/core/random.ts";
import type { PlannedJob } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { Location } from "../../shared/domain/location.ts";
import type { StoreCounts } from "../../shared/domain/store-counts.ts";
import { processTally } from "../../shared/http/store-tally.ts";
// Its threads get what it knows of stores from it.
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
 * Where a running job touches the world. The journal and its lock go through `disk`, the partials and the
 * output through the storage that their location is in; what reads Parquet or a model is a function of its
 * own. The simulator gives all of them, and the rest of the job is the real one.
 */
export interface JobSeams extends LockSeams {
  /** Of the lock and the journal. */
  readonly disk: Disk;
  /**
   * Of a job's output, and of the partials that it is made of: kept open for as long as the process lives.
   *
   * @throws {STORE_REFUSED} when nothing here reaches it
   * @throws {SPEC_INVALID} when what the job says of its stores cannot be used
   */
  openStorage(output: Location, spec: Pick<JobSpec, "stores">, reach: Reach): Promise<Storage>;
  /** Jobs come from others, see {@link Reach}. Default: false. */
  readonly isGuarded?: boolean | undefined;
  readonly random: Random;
  /** At most so many records between two snapshots of a journal. */
  readonly snapshotRecords: number;
  plan(spec: JobSpec, options: PlanOptions): Promise<PlannedJob>;
  /** What identifies a job, without checking it. */
  identify(
    spec: JobSpec,
    options: Pick<PlanOptions, "found" | "signal" | keyof Reach>,
  ): Promise<IdentifiedJob>;
  /** Where partials are checked: apart from the thread that serves the workers. */
  readonly openChecker: OpenChecker;
  readonly reduce: typeof reducePartials;
  readonly writePoisoned: typeof writePoisonedRows;
  /** How busy this thread has been, since any fixed moment. */
  loopTime(): LoopTime;
  /** What this process asked of stores, since any fixed moment. */
  storeCounts(): readonly StoreCounts[];
  /**
   * Gets the state of each job that is opened, to look at and never to change: where invariants are
   * checked.
   */
  watch(state: JobState, outputPath: string): void;
}

const storages = new JobStorages();

export const realSeams: JobSeams = {
  disk: realDisk,
  openStorage: async (output, spec, reach) =>
    storages.of({ stores: await readStores(spec, reach) }).at(output),
  random: systemRandom,
  processes: systemProcesses,
  snapshotRecords: snapshotRecords(process.env),
  plan: planJob,
  identify: identifyJob,
  openChecker: (place) => new CheckerThreadClient(place),
  reduce: reducePartials,
  writePoisoned: writePoisonedRows,
  loopTime,
  storeCounts: () => processTally.read(),
  watch: () => {},
};

/** Fewer are for who wants to see many snapshots of a small job, as the commands that break things do. */
function snapshotRecords({ SHARDMILL_SNAPSHOT_RECORDS: asked }: NodeJS.ProcessEnv): number {
  return asked !== undefined && /^[1-9]\d{0,8}$/.test(asked) ? Number(asked) : SNAPSHOT_RECORDS;
}

function loopTime(): LoopTime {
  const { active, idle } = performance.eventLoopUtilization();
  return { activeMs: active, idleMs: idle };
}
