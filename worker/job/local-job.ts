import { canonicalJson } from "../../shared/core/digest.ts";
import type { Lease } from "../../shared/domain/job.ts";
import { createCoordinatorStorage } from "../../shared/storage/coordinator.ts";
import type { FetchProgress } from "../../shared/storage/fetch-progress.ts";
import { patientStorage } from "../../shared/storage/patient.ts";
import type { Storage } from "../../shared/storage/storage.ts";
import type { JobDescription } from "../../shared/wire/job-description.ts";
import type { DataService } from "../../shared/wire/services.ts";
import type { ShardRunner } from "../lease/shard-runner.ts";
import { type SessionCell, sessionIn } from "../read/session-cell.ts";
import { type AccessChoice, chooseAccess } from "./choose-access.ts";
import type { DeviceOptions } from "./device-options.ts";
import { type LocalModel, openLocalFiles } from "./local-model.ts";

/** Open job of a worker, which runs its leases. */
export interface RunnableJob extends ShardRunner, AsyncDisposable {
  /** Checks whether the description is unchanged. A restarted coordinator may have other batch sizes. */
  isStill(job: JobDescription): boolean;
  /** Returns an estimate of the memory that the job takes while it is idle. */
  memoryBytes(): number;
  /** Leaves to the next job what both can use. No lease may be running. */
  rest(): Promise<void>;
}

export interface LocalJobOptions
  extends Pick<
    DeviceOptions,
    "access" | "address" | "allowsModules" | "copies" | "credential" | "log" | "scratchPath"
  > {
  /** Job as the coordinator described it. */
  readonly described: JobDescription;
  /** Service to fetch files from that are not visible here. Null: there is no coordinator. */
  readonly data: DataService | null;
  readonly session: SessionCell;
  readonly firstLease: Lease;
  /** Updated while files of the job are fetched. Default: not reported. */
  readonly fetching?: FetchProgress;
}

/** Job with the files of its steps, reductions and tables on this machine. */
interface LocalJob {
  readonly job: JobDescription;
  readonly access: AccessChoice;
  /** Storage of files that are not visible here. Null: there is no coordinator. */
  readonly coordinator: Storage | null;
  /** Null: the job has none. */
  readonly model: LocalModel | null;
  /** Models of the stages before the last one. */
  readonly stages: readonly LocalModel[];
}

/**
 * Chooses the ways to a job's files, and gets those files that each shard needs whole.
 *
 * @throws errors of `chooseAccess` and `openLocalFiles`
 */
export async function openLocalJob(options: LocalJobOptions): Promise<LocalJob> {
  const { described, address, credential, session, data, scratchPath, log } = options;
  const far = { address, credential, session };
  const access = await chooseAccess(options.access, described, options.firstLease, far);
  const { copies = { path: scratchPath }, fetching: progress } = options;
  const ofCoordinator = { session: () => sessionIn(session), jobId: described.jobId };
  const coordinator = data && patientStorage(createCoordinatorStorage({ data, ...ofCoordinator }));
  const local = { job: described, from: access.model, coordinator, copies, progress };
  const allowsModules = options.allowsModules === true;
  return { access, coordinator, ...(await openLocalFiles(local, { allowsModules, log })) };
}

/** Checks whether two descriptions are equal, except for the beacon, which each coordinator writes anew. */
export function isSameJob(one: JobDescription, other: JobDescription): boolean {
  const known = (of: JobDescription): string => canonicalJson({ ...of, beacon: null });
  return known(one) === known(other);
}
