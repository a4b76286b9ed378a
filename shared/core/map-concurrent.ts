/**
 * Maps `items`, at most `limit` at once. Returns results in order. After the first failure no new work
 * starts, and the promise rejects once the started work has ended.
 */
export async function mapConcurrent<T, R>(
  items: Iterable<T>,
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const iterator = items[Symbol.iterator]();
  let next = 0;
  let hasFailed = false;
  const work = async () => {
    for (let item = iterator.next(); item.done !== true && !hasFailed; item = iterator.next()) {
      const index = next++;
      try {
        results[index] = await map(item.value, index);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: limit }, work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}
