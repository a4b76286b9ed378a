/**
 * Maps `items`, at most `limit` at once. Returns results in order. After the first failure no new work
 * starts, and the promise rejects once the started work has ended.
 */
export async function mapConcurrent<T, R>(
  items: readonly T[],
  limit: number,
  map: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  let hasFailed = false;
  const work = async () => {
    for (let index = next++; index < items.length && !hasFailed; index = next++) {
      try {
        results[index] = await map(items[index] as T, index);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: Math.min(limit, items.length) }, work));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}
