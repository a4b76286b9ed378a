/** What a client does, and how it is told: as JSON, its only argument. The same for each client. */
export interface StoreTask {
  readonly kind: "get" | "put" | "list";
  readonly bucket: string;
  /** Of the object that is read; what the names begin with that are put, or listed. */
  readonly key: string;
  /** Of that object. */
  readonly objectBytes: number;
  readonly pieceBytes: number;
  /** So many pieces are read or put; listings are made. */
  readonly pieces: number;
  readonly atOnce: number;
}

/** What it prints, as JSON. */
export interface TaskResult {
  /** From the first request to the last answer: nothing of its start. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Bytes that were read or put, or names that were listed. */
  readonly done: number;
}
