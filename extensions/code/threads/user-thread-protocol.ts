/** `workerData` of a thread that runs a user's code. */
export interface UserThreadOptions {
  /** Path of the bundle. */
  readonly path: string;
  /** Name of the code in errors: its key in the job file. */
  readonly where: string;
  /** Two int32, which the owner's thread reads: see {@link TICKS} and {@link ROW}. */
  readonly progress: SharedArrayBuffer;
}

/** Limit of loading a bundle, which should only define functions. */
export const LOAD_LIMIT_MS = 60_000;

/** Index of the counter that increases unless the thread hangs. */
export const TICKS = 0;
/**
 * Index of the row that the user's code last got. {@link ALL_ROWS}: the whole batch. {@link NO_ROW}: none.
 */
export const ROW = 1;
export const NO_ROW = -1;
export const ALL_ROWS = -2;
