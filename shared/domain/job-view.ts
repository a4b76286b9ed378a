import type { RunHistory } from "./run-history.ts";

/** Job in more detail than its status, for people. */
export type JobView = LiveView | EndedView;

/** Job file without values that are too long to show. */
export type ShownSpec = Readonly<Record<string, unknown>>;

/** View of a running job. */
export interface LiveView {
  readonly kind: "live";
  /** Job file, as it was read. */
  readonly spec: ShownSpec;
  history(): RunHistory;
  /** Cells of the shard map, one byte a shard: see `shardCells`. */
  cells(): Uint8Array;
  /** Returns the view as if the job ended now. */
  atEnd(): EndedView;
}

/** View of an ended job, without its state, which is as large as its plan. */
export interface EndedView {
  readonly kind: "ended";
  /** Job file as it was read. Null: unknown. */
  readonly spec: ShownSpec | null;
  /** Returns the history with its map, in the form of `packHistory`. Null: unknown. */
  packed(): Promise<Uint8Array | null>;
}
