import type { ErrorData } from "../../shared/core/errors.ts";
import {
  buffersOfTables,
  type PackedTable,
  packTable,
  unpackTable,
} from "../../shared/dataset/packed-table.ts";
import type { JobDescription, Lease } from "../../shared/domain/job.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import type { Stage } from "../../shared/domain/worker.ts";
import type { ShardResult } from "../collect/collector.ts";
import type { DataAccess } from "../read/data-access.ts";

/** What a write thread is told before its first write: it serves one job. */
export interface WriteThreadJob {
  readonly job: Pick<
    JobDescription,
    "jobId" | "stores" | "rowsFormat" | "rowsForm" | "reduce" | "reductions" | "partialsPath"
  >;
  readonly output: DataAccess;
}

/** A shard's result on its way to the write thread. */
type PackedResult = Omit<ShardResult, "rows" | "dead"> & {
  readonly rows: PackedTable;
  readonly dead: PackedTable | null;
};

/** To a write thread. */
export type WriteCommand =
  /** The first. */
  | ({ readonly kind: "openJob" } & WriteThreadJob)
  | {
      readonly kind: "write";
      readonly id: number;
      readonly lease: Pick<Lease, "shard" | "token">;
      readonly executionId: string;
      readonly result: PackedResult;
      /** An existing folder of this write alone; its sender removes it. */
      readonly scratchPath: string;
    }
  | { readonly kind: "abandon"; readonly id: number }
  /** The last: abandon what is written, and end. */
  | { readonly kind: "end" };

/** From a write thread. Each write ends with one `written` or `failed`, an abandoned one too. */
export type WriteEvent =
  | { readonly kind: "written"; readonly id: number; readonly partial: PartialManifest }
  | { readonly kind: "failed"; readonly id: number; readonly error: ErrorData }
  /** Milliseconds that the thread was busy, since it last reported. */
  | { readonly kind: "busy"; readonly busyMs: Readonly<Partial<Record<Stage, number>>> };

/** `result` belongs to the receiver once its buffers, too, are transferred. */
export function packResult({ rows, dead, ...facts }: ShardResult): {
  readonly packed: PackedResult;
  readonly transfer: readonly ArrayBuffer[];
} {
  const packed = { ...facts, rows: packTable(rows), dead: dead === null ? null : packTable(dead) };
  return { packed, transfer: buffersOfTables(packed.rows, packed.dead) };
}

export function unpackResult({ rows, dead, ...facts }: PackedResult): ShardResult {
  return { ...facts, rows: unpackTable(rows), dead: dead === null ? null : unpackTable(dead) };
}
