/** Counted steps between the last shard and the published output, in order. */
export const END_STEPS = ["check", "shape"] as const;

/** Progress of a job's end. */
export interface EndProgress {
  readonly step: (typeof END_STEPS)[number];
  /** Checked files, or rows of shaped files. */
  readonly done: number;
  readonly total: number;
}
