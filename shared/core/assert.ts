/** Throws when an invariant of the code does not hold. A user's mistake is a ShardmillError instead. */
export function assert(condition: unknown, fact: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${fact}`);
}

/** Fails the build in the default branch of an exhaustive switch when a union gets a new member. */
export function assertNever(value: never): never {
  throw new Error(`broken invariant: unexpected ${JSON.stringify(value)}`);
}

/** Returns `value`, which the caller knows is neither null nor undefined. */
export function present<T>(value: T | null | undefined, fact: string): T {
  if (value === null || value === undefined) throw new Error(`broken invariant: ${fact}`);
  return value;
}
