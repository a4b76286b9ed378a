import { deferred } from "./abort.ts";

/**
 * Maps items, up to `working()` at once, and yields results in the order of the items. Reads the next item
 * while no result is ready, and yields ready results while it reads.
 *
 * The first failure, in order, ends the generator. The caller stops the remaining work by their shared
 * signal. `source` is closed on every path.
 *
 * @param limit items at once that are in work, or done and waiting for an earlier one
 * @param working items at once that are in work. Default: `limit`. A lower value lets others proceed past one
 * slow item.
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

/** Marks a promise as handled, because its failure may be ignored after an earlier one. */
export function unheard<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
