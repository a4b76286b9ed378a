/** Progress of a download: a model, its files, or code. */
export interface Fetching {
  /** Bytes that have arrived. `totalBytes` counts all files that are known to be needed. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Mean over the last seconds. */
  readonly bytesPerSecond: number;
}

/** Returns the sum of several downloads. Null: there are none. */
export function sumOfFetching(all: readonly Fetching[]): Fetching | null {
  const sum = (of: (one: Fetching) => number) => all.reduce((total, one) => total + of(one), 0);
  if (all.length === 0) return null;
  return {
    bytes: sum(({ bytes }) => bytes),
    totalBytes: sum(({ totalBytes }) => totalBytes),
    bytesPerSecond: sum(({ bytesPerSecond }) => bytesPerSecond),
  };
}
