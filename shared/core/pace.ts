import { systemClock, type TimedClock } from "./clock.ts";
import { ShardmillError } from "./errors.ts";

/** How slow a sender may be. */
export interface Pace {
  /** In each such time that is spent waiting for it ... */
  readonly everyMs: number;
  /** ... so many bytes must come, or the end. */
  readonly leastBytes: number;
}

/**
 * The chunks as they come. Only the time in which they are waited for counts, not that in which their reader
 * is at work.
 *
 * @throws {DEADLINE_EXCEEDED} when they come too slowly, or not at all
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
    // One that hangs would not return before its chunk comes.
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
  return new ShardmillError("DEADLINE_EXCEEDED", "the other side takes too long");
}
