import type { RunHistory } from "./run-history.ts";

/** A job in more detail than its status has, for people. */
export type JobView = LiveView | EndedView;

/** Job file, without what is too long to show. */
export type ShownSpec = Readonly<Record<string, unknown>>;

/** View of a job that runs. */
export interface LiveView {
  readonly kind: "live";
  /** Job file, as it was read. */
  readonly spec: ShownSpec;
  history(): RunHistory;
  /** A byte a shard, see `shardCells`. */
  cells(): Uint8Array;
  /** View as it would be if the job ended now. */
  kept(): EndedView;
}

/** View of a job that has ended. Its state is as large as its plan, and has gone. */
export interface EndedView {
  readonly kind: "ended";
  /** Null where it is not known. */
  readonly spec: ShownSpec | null;
  /** The history with its map, as `packHistory` has it; null where none is known. */
  packed(): Promise<Uint8Array | null>;
}
