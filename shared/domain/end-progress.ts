/** Counted steps between the last shard and the published output, in their order. */
export const END_STEPS = ["check", "shape"] as const;

/** How far the end of a job is. */
export interface EndProgress {
  readonly step: (typeof END_STEPS)[number];
  /** Checked files, or rows of shaped files. */
  readonly done: number;
  readonly total: number;
}
