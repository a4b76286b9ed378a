import { cutText } from "../core/cut-text.ts";
import type { Digest } from "../core/digest.ts";
import type { ExecutionId } from "./execution-id.ts";
import { asExecutionId } from "./execution-id.ts";
import type { RowCounts } from "./row-counts.ts";
import { type ShardId, shardId } from "./shard.ts";
import type { Token } from "./token.ts";

/** What a file of a partial holds. */
export type PartialFileKind =
  /** Mapped rows in the published format. At most one. */
  | "rows"
  /**
   * Mapped rows as Parquet for reductions without a combine, where the published format is not Parquet. At
   * most one.
   */
  | "scan"
  /** Dead letters. At most one, absent when there are none. */
  | "dead"
  /** One combined table, of the reduction that is in its name. */
  | "combined";

export interface PartialFile {
  readonly kind: PartialFileKind;
  /** One that `partialLayout` gives. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}

/**
 * What an attempt returns: immutable files in a folder named by shard, token and execution, never
 * overwritten.
 */
export interface PartialManifest extends RowCounts {
  readonly shard: ShardId;
  readonly token: Token;
  /** Random per execution: what makes the folder's name unique even if a token were used twice. */
  readonly executionId: ExecutionId;
  /** The first dead letter, so that a job that fails can name the row without reading files. */
  readonly firstDead: DeadLetter | null;
  readonly files: readonly PartialFile[];
  /** sha256 over the files' kinds, names, rows, bytes and digests: what "the same partial" means. */
  readonly digest: Digest;
}

/** Where a row can fail; `worker`: with each worker that tried it. */
export const DEAD_STAGES = ["read", "prepare", "tensorize", "infer", "collect", "finish", "worker"] as const;

/** Where a row that could not be mapped was found, and why. */
export interface DeadLetter {
  readonly file: string;
  /** The row's index in its file. */
  readonly row: number;
  readonly stage: (typeof DEAD_STAGES)[number];
  readonly code: string;
  readonly message: string;
}

/** Bytes of a reason, at most. Reasons are kept in the journal, and one row of a million may have each. */
const MAX_REASON_BYTES = 4096;

/** Cuts the reason of a dead letter. What failed may have quoted a whole row. */
export function cutReason(message: string): string {
  return cutText(message, MAX_REASON_BYTES);
}

/** What can be wrong with a row by itself. */
export type DeadCode = "ROW_UNREADABLE" | "ROW_NULL" | "ROW_LENGTH" | "ROW_VALUE" | "ROW_FAILED";

/** The folder of a partial, below the job's partials folder: `{shard}-{token}-{executionId}`. */
export function partialFolder(partial: Pick<PartialManifest, "shard" | "token" | "executionId">): string {
  return `${partial.shard}-${partial.token.generation}.${partial.token.sequence}-${partial.executionId}`;
}

/** The inverse of {@link partialFolder}; null for any other name. */
export function parsePartialFolder(
  folder: string,
): Pick<PartialManifest, "shard" | "token" | "executionId"> | null {
  const match = /^(\d{1,10})-(\d{1,10})\.(\d{1,10})-([A-Za-z0-9_-]{1,100})$/.exec(folder);
  if (match === null) return null;
  const [, shard, generation, sequence, executionId = ""] = match;
  return {
    shard: shardId(Number(shard)),
    token: { generation: Number(generation), sequence: Number(sequence) },
    executionId: asExecutionId(executionId),
  };
}
