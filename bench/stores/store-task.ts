/** Task of a client, passed as JSON in its only argument. The same for each client. */
export interface StoreTask {
  readonly kind: "get" | "put" | "list";
  readonly bucket: string;
  /** Key of the object to read, or prefix of the names to put or list. */
  readonly key: string;
  /** Size of the object to read. */
  readonly objectBytes: number;
  readonly pieceBytes: number;
  /** Number of pieces to read or put, or of listings. */
  readonly pieces: number;
  readonly atOnce: number;
}

/** Result that the client prints, as JSON. */
export interface TaskResult {
  /** Time from the first request to the last answer, without the start. */
  readonly seconds: number;
  readonly cpuSeconds: number;
  /** Bytes that were read or put, or names that were listed. */
  readonly done: number;
}
