/**
 * Every error that Shardmill can raise, and what happens next: a property of the code, kept in this one
 * table.
 *
 * - `next` is what a worker or the coordinator does about it: `retry` the attempt on another lease (counted
 *   against the shard), `failJob` at once because no retry can help, `drop` the message and change nothing,
 *   `refuse` the request before any work.
 * - `exit` is the process's exit code when a command ends with it (DESIGN 9).
 * - `grpc` is the status that carries it over the wire.
 */
export interface ErrorTraits {
  readonly next: "retry" | "failJob" | "drop" | "refuse";
  readonly exit: 1 | 2 | 3 | 130;
  readonly grpc: GrpcStatusName;
}

export type GrpcStatusName =
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

export const ERROR_CODES = {
  // What the user asked for.
  ARGUMENT_INVALID: { next: "refuse", exit: 2, grpc: "INVALID_ARGUMENT" },
  SPEC_INVALID: { next: "refuse", exit: 2, grpc: "INVALID_ARGUMENT" },
  SQL_INVALID: { next: "failJob", exit: 2, grpc: "INVALID_ARGUMENT" },
  SQL_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },

  // The input.
  INPUT_NOT_FOUND: { next: "failJob", exit: 2, grpc: "NOT_FOUND" },
  INPUT_CORRUPT: { next: "failJob", exit: 1, grpc: "DATA_LOSS" },
  INPUT_UNSUPPORTED: { next: "failJob", exit: 2, grpc: "FAILED_PRECONDITION" },
  INPUT_SCHEMA_MIXED: { next: "failJob", exit: 2, grpc: "FAILED_PRECONDITION" },
  INPUT_CHANGED: { next: "failJob", exit: 1, grpc: "DATA_LOSS" },

  // The model and the device.
  MODEL_NOT_FOUND: { next: "failJob", exit: 2, grpc: "NOT_FOUND" },
  MODEL_INVALID: { next: "failJob", exit: 2, grpc: "FAILED_PRECONDITION" },
  MODEL_CHANGED: { next: "failJob", exit: 1, grpc: "DATA_LOSS" },
  MODEL_FAILED: { next: "retry", exit: 1, grpc: "INTERNAL" },
  DEVICE_UNAVAILABLE: { next: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  DEVICE_WRONG: { next: "retry", exit: 1, grpc: "FAILED_PRECONDITION" },
  PRECISION_LOSS: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  OUT_OF_MEMORY: { next: "retry", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // Rows that cannot be mapped: dead letters.
  ROW_NULL: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_LENGTH: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_VALUE: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ROW_POISON: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  ERROR_BUDGET_EXCEEDED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },

  // The output and the job's own files.
  OUTPUT_OCCUPIED: { next: "refuse", exit: 2, grpc: "ALREADY_EXISTS" },
  OUTPUT_LOCKED: { next: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  OUTPUT_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  JOB_MISMATCH: { next: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  JOURNAL_CORRUPT: { next: "refuse", exit: 1, grpc: "DATA_LOSS" },
  JOURNAL_FAILED: { next: "failJob", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // Where bytes live.
  TEMP_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  CACHE_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  STORE_NOT_FOUND: { next: "retry", exit: 1, grpc: "NOT_FOUND" },
  STORE_EXISTS: { next: "retry", exit: 1, grpc: "ALREADY_EXISTS" },
  STORE_FAILED: { next: "retry", exit: 1, grpc: "UNAVAILABLE" },
  STORE_REFUSED: { next: "retry", exit: 1, grpc: "PERMISSION_DENIED" },

  // Leases, attempts, commits.
  LEASE_STALE: { next: "drop", exit: 1, grpc: "FAILED_PRECONDITION" },
  SESSION_STALE: { next: "drop", exit: 1, grpc: "FAILED_PRECONDITION" },
  ALREADY_COMMITTED: { next: "drop", exit: 1, grpc: "ALREADY_EXISTS" },
  PARTIAL_INVALID: { next: "retry", exit: 1, grpc: "DATA_LOSS" },
  ATTEMPT_STALLED: { next: "retry", exit: 1, grpc: "DEADLINE_EXCEEDED" },
  SHARD_FAILED: { next: "failJob", exit: 1, grpc: "FAILED_PRECONDITION" },
  NO_WORKERS: { next: "failJob", exit: 1, grpc: "UNAVAILABLE" },

  // Talking to each other.
  VERSION_SKEW: { next: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  JOB_NOT_FOUND: { next: "refuse", exit: 2, grpc: "NOT_FOUND" },
  JOB_ENDED: { next: "drop", exit: 1, grpc: "FAILED_PRECONDITION" },
  CANCEL_TOO_LATE: { next: "refuse", exit: 1, grpc: "FAILED_PRECONDITION" },
  PORT_IN_USE: { next: "refuse", exit: 2, grpc: "ALREADY_EXISTS" },
  COORDINATOR_UNREACHABLE: { next: "retry", exit: 1, grpc: "UNAVAILABLE" },
  SECRET_INVALID: { next: "refuse", exit: 2, grpc: "FAILED_PRECONDITION" },
  SECRET_REFUSED: { next: "refuse", exit: 2, grpc: "UNAUTHENTICATED" },
  SUBMIT_REFUSED: { next: "refuse", exit: 2, grpc: "PERMISSION_DENIED" },
  CERTIFICATE_REFUSED: { next: "refuse", exit: 2, grpc: "UNAVAILABLE" },
  RPC_FAILED: { next: "retry", exit: 1, grpc: "INTERNAL" },
  DEADLINE_EXCEEDED: { next: "retry", exit: 1, grpc: "DEADLINE_EXCEEDED" },
  RESOURCE_EXHAUSTED: { next: "retry", exit: 1, grpc: "RESOURCE_EXHAUSTED" },

  // How a job or a process ends.
  JOB_CANCELLED: { next: "failJob", exit: 1, grpc: "CANCELLED" },
  INTERRUPTED: { next: "retry", exit: 130, grpc: "CANCELLED" },
  WORKER_DIED: { next: "retry", exit: 1, grpc: "UNAVAILABLE" },
  INTERNAL: { next: "retry", exit: 1, grpc: "INTERNAL" },
} as const satisfies Record<string, ErrorTraits>;

export type ErrorCode = keyof typeof ERROR_CODES;
