/** Files on their way to a machine: a model, what belongs to it, code. */
export interface Fetching {
  /** That are here, of all that are known to be wanted. */
  readonly bytes: number;
  readonly totalBytes: number;
  /** Over the last seconds. */
  readonly bytesPerSecond: number;
}

/** What several machines fetch, together; null where none does. */
export function sumOfFetching(all: readonly Fetching[]): Fetching | null {
  const sum = (of: (one: Fetching) => number) => all.reduce((total, one) => total + of(one), 0);
  if (all.length === 0) return null;
  return {
    bytes: sum(({ bytes }) => bytes),
    totalBytes: sum(({ totalBytes }) => totalBytes),
    bytesPerSecond: sum(({ bytesPerSecond }) => bytesPerSecond),
  };
}
