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
 * The services in the words of the domain. The coordinator implements these interfaces; the gRPC clients
 * implement them too, so whoever calls one does not know whether a network lies between. Failures reject with
 * a ShardmillError, whose code crosses the wire unchanged.
 */
export interface CoordinatorServices {
  readonly work: WorkService;
  readonly data: DataService;
  readonly jobs: JobsService;
  readonly workers: WorkersService;
  readonly server: ServerService;
}

/**
 * What a coordinator takes in one message. One limit holds for every method (grpc-js has one a server). 4
 * MiB: a job spec with 20,000 class names is under one, a chunk of an upload 1 MiB at most (the codec refuses
 * more), and a stranger can make a stream hold no more than this.
 */
export const MAX_REQUEST_BYTES = 4 << 20;

export interface LeaseRef {
  readonly jobId: JobId;
  readonly shard: ShardId;
  readonly token: Token;
}

export interface Registration extends WorkerInfo {
  /** The versions of the protocol that it speaks: `PROTOCOL`. */
  readonly protocol: ProtocolRange;
  /** Random, once a process: a worker that registers again with it has not died. Absent: unknown. */
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
  /** No more work from this coordinator: the worker may leave. */
  | { readonly kind: "dismissed"; readonly reason: string };

export type OfferAnswer =
  | { readonly kind: "committed" }
  | { readonly kind: "alreadyCommitted" }
  | { readonly kind: "refused"; readonly error: ErrorData };

/** Whether a lease still holds. */
export interface LeaseState {
  readonly lease: LeaseRef;
  readonly live: boolean;
}

export interface Heartbeat {
  readonly session: WorkerSession;
  readonly leases: readonly { readonly lease: LeaseRef; readonly rowsDone: number }[];
  readonly busy: StageShares;
  /**
   * The share of padding in the positions of uneven rows that ran since the last heartbeat; null when none
   * did.
   */
  readonly padding: number | null;
  /** The size of its batches, and what bounds it. Left out before the first batch of a job. */
  readonly batch?: BatchInUse;
  /** What its process asked of stores since it registered: all of it, so that no report can be missed. */
  readonly stores: readonly StoreCounts[];
  /** Left out when it fetches nothing for the job that it opens. */
  readonly fetching?: Fetching;
}

/** Calls without a signal are never called off: each ends with its deadline. */
export interface WorkService {
  /** @throws {VERSION_SKEW} when they share no version of the protocol, or no job is mapped as it maps */
  register(registration: Registration, signal: AbortSignal): Promise<Registered>;
  /** @throws {JOB_NOT_FOUND} @throws {SESSION_STALE} */
  describeJob(session: WorkerSession, jobId: JobId): Promise<JobDescription>;
  /**
   * Says how this worker's device compares with the CPU. One that is refused holds no leases of the job after
   * this.
   */
  reportDevice(session: WorkerSession, jobId: JobId, report: DeviceReport): Promise<void>;
  /** `running`: what the worker still runs under leases of an earlier coordinator, and would go on with. */
  requestLease(
    session: WorkerSession,
    waitMs: number,
    running: readonly LeaseRef[],
    signal: AbortSignal,
  ): Promise<LeaseAnswer>;
  heartbeat(heartbeat: Heartbeat, signal: AbortSignal): Promise<readonly LeaseState[]>;
  /** @param traceparent of the attempt's span, within which its commit is; empty: nothing is traced */
  offerPartial(
    session: WorkerSession,
    jobId: JobId,
    partial: PartialManifest,
    traceparent?: string,
  ): Promise<OfferAnswer>;
  failAttempt(session: WorkerSession, lease: LeaseRef, error: ErrorData): Promise<void>;
  releaseLease(session: WorkerSession, lease: LeaseRef): Promise<void>;
  /** @param aside why its device is put aside, as which it is known until it comes back; null: it is not */
  leave(session: WorkerSession, aside: string | null, signal: AbortSignal): Promise<void>;
}

/** One file of a partial on its way to the coordinator. */
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
export interface Asked {
  readonly who?: Who;
}

/** Rejects with STORE_REFUSED for a path that is not of the job, else as a storage says. */
export interface DataService {
  statFile(session: WorkerSession, jobId: JobId, path: string, signal: AbortSignal): Promise<FileStat>;
  readRange(range: FileRange & Asked, signal: AbortSignal): AsyncIterable<Uint8Array>;
  putPartialFile(
    header: PutHeader & Asked,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
}

/** A job file as a client has it, for the coordinator to read. */
export interface WrittenJob {
  /** UTF-8. */
  readonly text: Uint8Array;
  /** Absolute: what problems name, and whose folder relative paths start from. */
  readonly path: string;
  readonly set: readonly string[];
  /** What `${NAME}` stands for. */
  readonly variables: Readonly<Record<string, string>>;
  /** Which run of a job with a schedule; empty: the last that was due. */
  readonly at: string;
}

/** What whoever submits a job says beside it. */
export interface SubmissionOptions {
  /** Start over. */
  readonly fresh: boolean;
  /** Left out: as before, where the job is resumed. */
  readonly priority?: number;
}

/** ... and what the coordinator knows of it, which is never sent. */
export interface IdentifiedSubmission extends SubmissionOptions {
  /** Who submits it. Left out: this process itself. */
  readonly by?: Submitter;
}

/** Whoever hands in a job. */
export interface Submitter {
  /** `secret`, or a token by id and name. */
  readonly name: string;
  readonly role: Role;
}

/** What whoever submits a job is told. */
export interface SubmittedJob {
  /** Where nothing is new: the last of the runs that have read all of the input. */
  readonly job: JobStatus;
  /** Of a job over what is new: there is nothing to do. */
  readonly nothingNew: boolean;
  /** What whoever starts the job should know, a line each. */
  readonly notes: readonly string[];
}

/** `jobId` may be empty: the job submitted last. */
export interface JobsService {
  submitJob(spec: JobSpec, options: IdentifiedSubmission, signal: AbortSignal): Promise<SubmittedJob>;
  getJob(jobId: JobId, signal: AbortSignal): Promise<JobStatus>;
  listJobs(signal: AbortSignal): Promise<readonly JobStatus[]>;
  /** The status now, and after each change, until the job has ended. */
  watchJob(jobId: JobId, signal: AbortSignal): AsyncIterable<JobStatus>;
  cancelJob(jobId: JobId, reason: string, signal: AbortSignal): Promise<JobStatus>;
  /** It gives out no more shards. Durable when it resolves. @throws {PAUSE_TOO_LATE} @throws {JOB_ENDED} */
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
