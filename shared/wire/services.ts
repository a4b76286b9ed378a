import type { Role } from "../access/roles.ts";
import type { ErrorData } from "../core/errors.ts";
import type { DeviceReport } from "../domain/accuracy.ts";
import type { BatchInUse } from "../domain/batch-in-use.ts";
import type { ExecutionId } from "../domain/execution-id.ts";
import type { Fetching } from "../domain/fetching.ts";
import type { Lease } from "../domain/job.ts";
import type { JobId } from "../domain/job-id.ts";
import type { JobSpec } from "../domain/job-spec.ts";
import type { JobStatus } from "../domain/job-status.ts";
import type { FileStat } from "../domain/location.ts";
import type { PartialManifest } from "../domain/partial.ts";
import type { ServerInfo } from "../domain/server-info.ts";
import type { ShardId } from "../domain/shard.ts";
import type { StoreCounts } from "../domain/store-counts.ts";
import type { Token } from "../domain/token.ts";
import type { ProtocolRange } from "../domain/versions.ts";
import type { StageShares, WorkerInfo, WorkerSession, WorkerStatus } from "../domain/worker.ts";
import type { JobDescription } from "./job-description.ts";
import type { Who } from "./server-call.ts";

/**
 * Services of a coordinator. The coordinator and the gRPC clients implement the same interfaces, so callers
 * need not know whether a network is between. Failures reject with a ShardmillError, whose code is the same
 * on both ends.
 */
export interface CoordinatorServices {
  readonly work: WorkService;
  readonly data: DataService;
  readonly jobs: JobsService;
  readonly workers: WorkersService;
  readonly server: ServerService;
}

/**
 * Limit of a request message, for all methods, because grpc-js has one limit for a server. A job spec with
 * 20,000 class names is below 1 MiB, and codecs limit an upload's chunk to 1 MiB. The limit also bounds the
 * memory that unauthenticated peers can make a stream hold.
 */
export const MAX_REQUEST_BYTES = 4 << 20;

export interface LeaseRef {
  readonly jobId: JobId;
  readonly shard: ShardId;
  readonly token: Token;
}

export interface Registration extends WorkerInfo {
  /** Protocol versions that the worker supports: `PROTOCOL`. */
  readonly protocol: ProtocolRange;
  /**
   * Random id of the process. A worker that registers again with it has not restarted. Undefined: unknown.
   */
  readonly instance?: string | undefined;
}

export interface Registered {
  readonly session: WorkerSession;
  readonly leaseMs: number;
  readonly heartbeatMs: number;
}

export type LeaseAnswer =
  | { readonly kind: "lease"; readonly lease: Lease }
  | { readonly kind: "noLease"; readonly retryMs: number }
  /** The coordinator has no more work, and the worker may exit. */
  | { readonly kind: "dismissed"; readonly reason: string };

export type OfferAnswer =
  | { readonly kind: "committed" }
  | { readonly kind: "alreadyCommitted" }
  | { readonly kind: "refused"; readonly error: ErrorData };

/** State of a lease. `live`: the worker still holds it. */
export interface LeaseState {
  readonly lease: LeaseRef;
  readonly live: boolean;
  /** Workers that share limits of the job, as in {@link Lease}. */
  readonly workers: number;
}

export interface Heartbeat {
  readonly session: WorkerSession;
  readonly leases: readonly { readonly lease: LeaseRef; readonly rowsDone: number }[];
  readonly busy: StageShares;
  /**
   * Share of padding in the positions of uneven rows that ran since the previous heartbeat. Null: none ran.
   */
  readonly padding: number | null;
  /** Size of its batches, and their bound. Undefined: no batch of the job ran yet. */
  readonly batch?: BatchInUse;
  /** Requests to stores since the process registered. All of them, so a lost report loses no counts. */
  readonly stores: readonly StoreCounts[];
  /** Download for the job that the worker opens. Undefined: it downloads nothing. */
  readonly fetching?: Fetching;
}

/** Service for workers. Calls without a signal cannot be cancelled, and end at their deadline. */
export interface WorkService {
  /** @throws {VERSION_SKEW} when no protocol version is shared, or no job has the worker's mapping */
  register(registration: Registration, signal: AbortSignal): Promise<Registered>;
  /** @throws {JOB_NOT_FOUND} @throws {SESSION_STALE} */
  describeJob(session: WorkerSession, jobId: JobId): Promise<JobDescription>;
  /**
   * Reports how this worker's device compares with the CPU. A refused device then holds no leases of the job.
   */
  reportDevice(session: WorkerSession, jobId: JobId, report: DeviceReport): Promise<void>;
  /** @param running leases of an earlier coordinator that the worker still runs and wants to continue */
  requestLease(
    session: WorkerSession,
    waitMs: number,
    running: readonly LeaseRef[],
    signal: AbortSignal,
  ): Promise<LeaseAnswer>;
  heartbeat(heartbeat: Heartbeat, signal: AbortSignal): Promise<readonly LeaseState[]>;
  /** @param traceparent trace context of the attempt's span, the parent of its commit. Empty: not traced */
  offerPartial(
    session: WorkerSession,
    jobId: JobId,
    partial: PartialManifest,
    traceparent?: string,
  ): Promise<OfferAnswer>;
  failAttempt(session: WorkerSession, lease: LeaseRef, error: ErrorData): Promise<void>;
  releaseLease(session: WorkerSession, lease: LeaseRef): Promise<void>;
  /**
   * @param gpuFault reason why the device is unusable, shown until the worker returns. Null: it is usable
   */
  leave(session: WorkerSession, gpuFault: string | null, signal: AbortSignal): Promise<void>;
}

/** Header of an upload: one file of a partial. */
export interface PutHeader {
  readonly session: WorkerSession;
  readonly jobId: JobId;
  readonly shard: ShardId;
  readonly token: Token;
  readonly executionId: ExecutionId;
  readonly name: string;
  readonly bytes: number;
}

/** Bytes of one file of a job. */
export interface FileRange {
  readonly session: WorkerSession;
  readonly jobId: JobId;
  readonly path: string;
  readonly start: number;
  readonly end: number;
}

/** Caller of a served request, which is never sent. */
export interface Requested {
  readonly who?: Who;
}

/**
 * Service for files of jobs. Rejects with STORE_REFUSED for a path outside the job, or with the storage's
 * error.
 */
export interface DataService {
  statFile(session: WorkerSession, jobId: JobId, path: string, signal: AbortSignal): Promise<FileStat>;
  readRange(range: FileRange & Requested, signal: AbortSignal): AsyncIterable<Uint8Array>;
  putPartialFile(
    header: PutHeader & Requested,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Job file from a client, which the coordinator parses. */
export interface WrittenJob {
  /** Text in UTF-8. */
  readonly text: Uint8Array;
  /** Absolute path. Problems name it, and its folder is the base of relative paths. */
  readonly path: string;
  readonly set: readonly string[];
  /** Values for `${NAME}`. */
  readonly variables: Readonly<Record<string, string>>;
  /** Run of a scheduled job. Empty: the latest one that was due. */
  readonly at: string;
}

/** Options of a submission. */
export interface SubmissionOptions {
  /** Restarts the job and drops earlier work. */
  readonly fresh: boolean;
  /** Priority. Undefined: a resumed job keeps its own. */
  readonly priority?: number;
}

/** Submission with its caller, which is never sent. */
export interface IdentifiedSubmission extends SubmissionOptions {
  /** Submitter. Default: this process itself. */
  readonly by?: Submitter;
}

/** Authenticated caller that submits a job. */
export interface Submitter {
  /** Name: `secret`, or a token by id and name. */
  readonly name: string;
  readonly role: Role;
}

/** Response to a submission. */
export interface SubmittedJob {
  /** Submitted job. If nothing is new: the last run, after which all of the input is read. */
  readonly job: JobStatus;
  /** The job reads only new files, and there are none. */
  readonly nothingNew: boolean;
  /** Notes for the user who starts the job, one line each. */
  readonly notes: readonly string[];
}

/** Service for jobs. An empty `jobId` means the job submitted last. */
export interface JobsService {
  submitJob(spec: JobSpec, options: IdentifiedSubmission, signal: AbortSignal): Promise<SubmittedJob>;
  getJob(jobId: JobId, signal: AbortSignal): Promise<JobStatus>;
  listJobs(signal: AbortSignal): Promise<readonly JobStatus[]>;
  /** Yields the current status, and each change until the job has ended. */
  watchJob(jobId: JobId, signal: AbortSignal): AsyncIterable<JobStatus>;
  cancelJob(jobId: JobId, reason: string, signal: AbortSignal): Promise<JobStatus>;
  /**
   * Stops assigning shards of the job. Durable when it resolves. @throws {PAUSE_TOO_LATE} @throws {JOB_ENDED}
   */
  pauseJob(jobId: JobId, signal: AbortSignal): Promise<JobStatus>;
  /** @throws {JOB_ENDED} */
  resumeJob(jobId: JobId, signal: AbortSignal): Promise<JobStatus>;
  /** @throws {JOB_ENDED} @throws {ARGUMENT_INVALID} */
  setJobPriority(jobId: JobId, priority: number, signal: AbortSignal): Promise<JobStatus>;
}

export interface WorkersService {
  listWorkers(signal: AbortSignal): Promise<readonly WorkerStatus[]>;
}

export interface ServerService {
  getServerInfo(signal: AbortSignal): Promise<ServerInfo>;
}
