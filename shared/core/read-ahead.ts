/**
 * Maps `items` and yields results in order. Works on the next `ahead` items while the caller waits for or
 * uses one. A failure is thrown at its turn. Does not wait for started work that is no longer needed.
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
      // The caller may stop before this result.
      result.catch(() => {});
      begun.push(result);
      next += 1;
    }
    const first = begun.shift();
    if (first !== undefined) yield await first;
  }
}
