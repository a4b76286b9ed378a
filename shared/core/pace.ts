import { systemClock, type TimedClock } from "./clock.ts";
import { ShardmillError } from "./errors.ts";

/** Least speed of a sender. */
export interface Pace {
  /** Interval of waiting for the sender, in milliseconds. */
  readonly everyMs: number;
  /** Bytes that must arrive in each interval. */
  readonly leastBytes: number;
}

/**
 * Yields chunks as they arrive. Counts only the time of waiting for them, not the reader's own work.
 *
 * @throws {DEADLINE_EXCEEDED} when they arrive too slowly, or not at all
 */
export async function* paced(
  chunks: AsyncIterable<Uint8Array>,
  { everyMs, leastBytes }: Pace,
  clock: TimedClock = systemClock,
): AsyncGenerator<Uint8Array, void, undefined> {
  const iterator = chunks[Symbol.asyncIterator]();
  let leftMs = everyMs;
  let bytes = 0;
  let isStuck = false;
  try {
    for (;;) {
      const startedMs = clock.nowMs();
      isStuck = true;
      const next = await within(iterator.next(), leftMs, clock);
      isStuck = false;
      if (next.done === true) return;
      leftMs = Math.max(0, leftMs - (clock.nowMs() - startedMs));
      bytes += next.value.length;
      if (bytes >= leastBytes) [leftMs, bytes] = [everyMs, 0];
      else if (leftMs === 0) throw tooSlow();
      yield next.value;
    }
  } finally {
    // A hanging iterator would return only after its next chunk.
    const returned = iterator.return?.();
    if (isStuck) returned?.catch(() => {});
    else await returned;
  }
}

/** @throws {DEADLINE_EXCEEDED} when the promise takes longer than `ms` */
export async function within<T>(
  promise: Promise<T>,
  ms: number,
  clock: TimedClock = systemClock,
): Promise<T> {
  let callOff = () => {};
  const tooLate = new Promise<never>((_resolve, reject) => {
    callOff = clock.after(ms, () => reject(tooSlow()));
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    callOff();
  }
}

function tooSlow(): ShardmillError {
  return new ShardmillError("DEADLINE_EXCEEDED", "the peer takes too long to respond");
}
