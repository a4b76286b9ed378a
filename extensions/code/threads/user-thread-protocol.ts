/** What a thread of a user's code is started with (`workerData`). */
export interface UserThreadOptions {
  /** The bundle. */
  readonly path: string;
  /** How errors name the code: its key in the job file. */
  readonly where: string;
  /** Two int32: see {@link TICKS} and {@link ROW}. The thread that started it looks at them. */
  readonly progress: SharedArrayBuffer;
}

/** To load the code: no more than a bundle is read. */
export const LOAD_LIMIT_MS = 60_000;

/** Goes up as long as the thread does not hang. */
export const TICKS = 0;
/** The row that the user's code was last given; {@link ALL_ROWS}: all of a batch; {@link NO_ROW}: none. */
export const ROW = 1;
export const NO_ROW = -1;
export const ALL_ROWS = -2;
