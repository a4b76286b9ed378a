/**
 * `work` over `items`, its results in their order: while one is waited for or used, the work on the next
 * `ahead` items goes on. A failure is seen in its turn. Work that was begun and is no longer wanted is not
 * waited for.
 */
export async function* readAhead<T, R>(
  items: readonly T[],
  ahead: number,
  work: (item: T) => Promise<R>,
): AsyncGenerator<R, void, undefined> {
  const begun: Promise<R>[] = [];
  let next = 0;
  for (const _ of items) {
    for (const item of items.slice(next, next + 1 + ahead - begun.length)) {
      const result = work(item);
      // Nobody may ever look at it.
      result.catch(() => {});
      begun.push(result);
      next += 1;
    }
    const first = begun.shift();
    if (first !== undefined) yield await first;
  }
}
