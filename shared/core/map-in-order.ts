import { deferred } from "./abort.ts";

/**
 * Works on up to `working()` items at once and gives the results in the order of the items. While nothing is
 * ready, the next item is read; while the next item is awaited, results that are ready are given out.
 *
 * The first failure, in order, ends it; whoever called stops the rest (the signal that they share). `source`
 * is closed on every path.
 *
 * @param limit items at once that are worked on, or done and waiting for one in front of them
 * @param working left out: `limit`. With less, one item that is slow keeps no others from being worked on.
 */
export async function* mapInOrder<T, R>(
  source: AsyncIterable<T>,
  limit: () => number,
  work: (item: T) => Promise<R>,
  working: () => number = limit,
): AsyncGenerator<R, void, undefined> {
  const items = source[Symbol.asyncIterator]();
  const flying: Promise<R>[] = [];
  let reading: Promise<IteratorResult<T>> | null = null;
  let drained = false;
  let atWork = 0;
  let oneDone = deferred<void>();
  const start = async (item: T): Promise<R> => {
    atWork += 1;
    try {
      return await work(item);
    } finally {
      atWork -= 1;
      oneDone.resolve();
    }
  };
  try {
    while (true) {
      if (!drained && flying.length < limit() && atWork < working()) reading ??= unheard(items.next());
      const [head] = flying;
      if (head === undefined && reading === null) return;
      const first = await Promise.race([
        ...(reading === null ? [] : [reading.then((item) => ({ item }))]),
        ...(head === undefined ? [] : [head.then((result) => ({ result }))]),
        oneDone.promise,
      ]);
      oneDone = deferred();
      if (first === undefined) continue;
      if ("result" in first) {
        flying.shift();
        yield first.result;
        continue;
      }
      reading = null;
      if (first.item.done === true) drained = true;
      else flying.push(unheard(start(first.item.value)));
    }
  } finally {
    await reading?.catch(() => {});
    await items.return?.();
  }
}

/** A promise whose failure may never be looked at, because an earlier one ended the work. */
export function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
