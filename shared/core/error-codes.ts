/**
 * Properties of an error code: its consequences. This table lists every error that Shardmill can raise. Code
 * that decides by an error code reads a column here, and keeps no list of codes itself.
 */
export interface ErrorTraits {
  /**
   * Consequence for a call that failed with it. `repeat`: the caller may repeat the call as it is. `rejoin`:
   * the caller may repeat it after the worker rejoined a restarted coordinator that has opened its jobs.
   * `readmit`: a worker that was authenticated before may repeat it, because peers do not renew certificates
   * at the same moment. `final`: repeating does not help.
   */
  readonly call: "repeat" | "rejoin" | "readmit" | "final";
  /**
   * Consequence for an attempt that ended with it. `count`: a failure of the shard and the worker, retried on
   * another lease. `lost`: like `count`, for a process that was killed. `release`: nothing counts. `failJob`:
   * counted, and the job ends at once because no retry can help. `refuse`: the worker cannot run the job.
   * Nothing counts against the shard, and the worker gets no more shards of this job. `wait`: a store
   * or server throttles or is unreachable. Nothing counts, and the job waits for it.
   */
  readonly attempt: "count" | "lost" | "release" | "failJob" | "refuse" | "wait";
  /** Consequence for a worker's process that ends with it: started again, or not if no restart can help. */
  readonly worker: "restart" | "quit";
  /**
   * Consequence for a read or write in a storage. `elsewhere`: another place may have the file. `asIs`: the
   * caller must see the error. `fails`: the caller gets STORE_FAILED, with the cause in its field `because`.
   */
  readonly storage: "elsewhere" | "asIs" | "fails";
  /** Exit code of a command that ends with it. */
  readonly exit: 1 | 2 | 3 | 130;
  /** gRPC status of the error. */
  readonly grpc: GrpcStatusName;
}

type GrpcStatusName =
  | "CANCELLED"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "UNAUTHENTICATED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS";

/** Columns of most codes: nothing special for calls, worker processes and storages. */
const PLAIN = { call: "final", worker: "restart", storage: "fails" } as const;

export const ERROR_CODES = {
  // Requests of the user.
  ARGUMENT_INVALID: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "INVALID_ARGUMENT" },
  SPEC_INVALID: { ...PLAIN, attempt: "count", exit: 2, grpc: "INVALID_ARGUMENT" },
  SQL_INVALID: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "INVALID_ARGUMENT" },
  SQL_FAILED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  STEP_INVALID: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "INVALID_ARGUMENT" },
  STEP_FAILED: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  SERVER_UNAVAILABLE: { ...PLAIN, attempt: "wait", exit: 1, grpc: "UNAVAILABLE" },

  // Input.
  INPUT_NOT_FOUND: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "NOT_FOUND" },
  INPUT_CORRUPT: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "DATA_LOSS" },
  INPUT_UNSUPPORTED: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "FAILED_PRECONDITION" },
  INPUT_SCHEMA_MIXED: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "FAILED_PRECONDITION" },
  INPUT_CHANGED: { ...PLAIN, storage: "elsewhere", attempt: "failJob", exit: 1, grpc: "DATA_LOSS" },

  // Model and device.
  MODEL_NOT_FOUND: { ...PLAIN, attempt: "failJob", exit: 2, grpc: "NOT_FOUND" },
  MODEL_INVALID: { ...PLAIN, worker: "quit", attempt: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  MODEL_CHANGED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "DATA_LOSS" },
  MODEL_FAILED: { ...PLAIN, attempt: "count", exit: 1, grpc: "INTERNAL" },
  MODEL_SHAPE: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  DEVICE_UNAVAILABLE: { ...PLAIN, worker: "quit", attempt: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  DEVICE_WRONG: { ...PLAIN, worker: "quit", attempt: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  CONVERSION_LOSS: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  OUT_OF_MEMORY: { ...PLAIN, attempt: "count", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // Rows that cannot be mapped: dead letters.
  ROW_UNREADABLE: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_NULL: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_LENGTH: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_VALUE: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_FAILED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_POISON: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ERROR_BUDGET_EXCEEDED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },

  // Output and the job's own files.
  OUTPUT_OCCUPIED: { ...PLAIN, attempt: "count", exit: 2, grpc: "ALREADY_EXISTS" },
  RUN_PUBLISHED: { ...PLAIN, attempt: "count", exit: 1, grpc: "ALREADY_EXISTS" },
  OUTPUT_LOCKED: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  OUTPUT_FAILED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  JOB_MISMATCH: { ...PLAIN, attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  JOURNAL_CORRUPT: { ...PLAIN, attempt: "count", exit: 1, grpc: "DATA_LOSS" },
  JOURNAL_FAILED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // State of a standing coordinator.
  LEDGER_LOCKED: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  QUEUE_FAILED: { ...PLAIN, attempt: "count", exit: 1, grpc: "UNAVAILABLE" },
  STATE_LOCKED: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  STATE_FAILED: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },

  // Storage.
  TEMP_FAILED: { ...PLAIN, attempt: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  CACHE_FAILED: { ...PLAIN, attempt: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  STORE_NOT_FOUND: { ...PLAIN, storage: "elsewhere", attempt: "count", exit: 1, grpc: "NOT_FOUND" },
  STORE_EXISTS: { ...PLAIN, storage: "asIs", attempt: "count", exit: 1, grpc: "ALREADY_EXISTS" },
  STORE_FAILED: { ...PLAIN, storage: "elsewhere", attempt: "count", exit: 1, grpc: "UNAVAILABLE" },
  STORE_UNAVAILABLE: { ...PLAIN, storage: "elsewhere", attempt: "wait", exit: 1, grpc: "UNAVAILABLE" },
  STORE_CHANGED: { ...PLAIN, storage: "elsewhere", attempt: "count", exit: 1, grpc: "ABORTED" },
  LOCATION_REFUSED: { ...PLAIN, storage: "elsewhere", attempt: "count", exit: 2, grpc: "PERMISSION_DENIED" },
  STORE_REFUSED: { ...PLAIN, storage: "elsewhere", attempt: "count", exit: 1, grpc: "PERMISSION_DENIED" },

  // Leases, attempts, commits.
  LEASE_STALE: { ...PLAIN, storage: "asIs", attempt: "release", exit: 1, grpc: "FAILED_PRECONDITION" },
  SESSION_STALE: {
    ...PLAIN,
    call: "rejoin",
    storage: "asIs",
    attempt: "release",
    exit: 1,
    grpc: "FAILED_PRECONDITION",
  },
  PARTIAL_INVALID: { ...PLAIN, attempt: "count", exit: 1, grpc: "DATA_LOSS" },
  ATTEMPT_STALLED: { ...PLAIN, attempt: "count", exit: 1, grpc: "DEADLINE_EXCEEDED" },
  SHARD_FAILED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  WORKER_UNFIT: { ...PLAIN, worker: "quit", attempt: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  NO_WORKERS: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "UNAVAILABLE" },

  // Connections between processes.
  VERSION_SKEW: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  JOB_NOT_FOUND: { ...PLAIN, call: "rejoin", storage: "asIs", attempt: "count", exit: 2, grpc: "NOT_FOUND" },
  JOB_ENDED: { ...PLAIN, storage: "asIs", attempt: "release", exit: 1, grpc: "FAILED_PRECONDITION" },
  RESULT_NOT_FOUND: { ...PLAIN, attempt: "count", exit: 2, grpc: "NOT_FOUND" },
  CANCEL_TOO_LATE: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  PAUSE_TOO_LATE: { ...PLAIN, attempt: "count", exit: 1, grpc: "FAILED_PRECONDITION" },
  PORT_IN_USE: { ...PLAIN, attempt: "count", exit: 2, grpc: "ALREADY_EXISTS" },
  COORDINATOR_UNREACHABLE: {
    ...PLAIN,
    call: "repeat",
    worker: "quit",
    attempt: "count",
    exit: 1,
    grpc: "UNAVAILABLE",
  },
  SECRET_INVALID: { ...PLAIN, attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  SECRET_REFUSED: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "UNAUTHENTICATED" },
  TOKEN_INVALID: { ...PLAIN, attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  TOKEN_REFUSED: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "UNAUTHENTICATED" },
  ROLE_REFUSED: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "PERMISSION_DENIED" },
  MODULES_REFUSED: { ...PLAIN, worker: "quit", attempt: "refuse", exit: 2, grpc: "PERMISSION_DENIED" },
  SUBMIT_REFUSED: { ...PLAIN, attempt: "count", exit: 2, grpc: "PERMISSION_DENIED" },
  LISTENING_REFUSED: { ...PLAIN, attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  TLS_INVALID: { ...PLAIN, worker: "quit", attempt: "count", exit: 2, grpc: "FAILED_PRECONDITION" },
  CERTIFICATE_REFUSED: {
    ...PLAIN,
    call: "readmit",
    worker: "quit",
    attempt: "count",
    exit: 2,
    grpc: "UNAUTHENTICATED",
  },
  RPC_FAILED: { ...PLAIN, attempt: "count", exit: 1, grpc: "INTERNAL" },
  DEADLINE_EXCEEDED: { ...PLAIN, call: "repeat", attempt: "count", exit: 1, grpc: "DEADLINE_EXCEEDED" },
  RESOURCE_EXHAUSTED: { ...PLAIN, call: "repeat", attempt: "count", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // End of a job or a process.
  JOB_CANCELLED: { ...PLAIN, attempt: "failJob", exit: 1, grpc: "CANCELLED" },
  INTERRUPTED: { ...PLAIN, storage: "asIs", attempt: "release", exit: 130, grpc: "CANCELLED" },
  WORKER_LOST: { ...PLAIN, attempt: "lost", exit: 1, grpc: "UNAVAILABLE" },
  INTERNAL: { ...PLAIN, attempt: "count", exit: 1, grpc: "INTERNAL" },
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof ERROR_CODES;

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(ERROR_CODES, code);
}
