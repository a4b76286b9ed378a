import { cutText } from "../core/cut-text.ts";
import type { Digest } from "../core/digest.ts";
import type { ExecutionId } from "./execution-id.ts";
import { asExecutionId } from "./execution-id.ts";
import type { RowCounts } from "./row-counts.ts";
import { type ShardId, shardId } from "./shard.ts";
import type { Token } from "./token.ts";

/** Content of a partial's file. */
export type PartialFileKind =
  /** Mapped rows in the published format. At most one file. */
  | "rows"
  /**
   * Mapped rows as Parquet, for reductions without `combine` if the published format is not Parquet. At most
   * one file.
   */
  | "scan"
  /** Dead letters. At most one file, absent if there are none. */
  | "errors"
  /** Combined table of the reduction in the file's name. */
  | "combined"
  /** Sample of the sorted rows, where all parts are in one order (see `sample-rows.ts`). At most one file. */
  | "sample"
  /** Folders of the rows, in whose order they are (see `folder-index.ts`). At most one file. */
  | "folders";

export interface PartialFile {
  readonly kind: PartialFileKind;
  /** Name from `partialLayout`. */
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly sha256: Digest;
}

/**
 * Result of an attempt: immutable files in a folder named by shard, token and execution. They are never
 * overwritten.
 */
export interface PartialManifest extends RowCounts {
  readonly shard: ShardId;
  readonly token: Token;
  /** Random id. It makes the folder's name unique even if a token were used twice. */
  readonly executionId: ExecutionId;
  /** First dead letter, so a failing job can name the row without reading files. */
  readonly firstDeadLetter: DeadLetter | null;
  readonly files: readonly PartialFile[];
  /** sha256 of the files' kinds, names, rows, bytes and digests: see `partialDigest`. */
  readonly digest: Digest;
}

/** Stages where a row can fail. `worker`: the row failed on each worker that tried it. */
export const DEAD_LETTER_STAGES = [
  "read",
  "prepare",
  "tensorize",
  "infer",
  "collect",
  "finish",
  "worker",
] as const;

/** Place and reason of a row that could not be mapped. */
export interface DeadLetter {
  readonly file: string;
  /** Index of the row in its file. */
  readonly row: number;
  readonly stage: (typeof DEAD_LETTER_STAGES)[number];
  readonly code: string;
  readonly message: string;
}

/** Limit of a reason in bytes. The journal keeps one reason for each dead letter. */
const MAX_REASON_BYTES = 4096;

/** Cuts the reason of a dead letter, because it may quote a whole row. */
export function cutReason(message: string): string {
  return cutText(message, MAX_REASON_BYTES);
}

/** Codes for rows that cannot be mapped. */
export type DeadLetterCode = "ROW_UNREADABLE" | "ROW_NULL" | "ROW_LENGTH" | "ROW_VALUE" | "ROW_FAILED";

/** Returns the folder of a partial, below the job's partials folder: `{shard}-{token}-{executionId}`. */
export function partialFolder(partial: Pick<PartialManifest, "shard" | "token" | "executionId">): string {
  return `${partial.shard}-${partial.token.generation}.${partial.token.sequence}-${partial.executionId}`;
}

/** Parses a folder name from {@link partialFolder}. Null: the name has another form. */
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
