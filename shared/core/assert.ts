/**
 * Throws when a fact that the code relies on does not hold. Never for a user's mistake: that is a
 * ShardmillError.
 */
export function assert(condition: unknown, fact: string): asserts condition {
  if (!condition) throw new Error(`broken invariant: ${fact}`);
}

/** The default branch of an exhaustive switch: a new union member breaks the build here. */
export function assertNever(value: never): never {
  throw new Error(`broken invariant: unexpected ${JSON.stringify(value)}`);
}

/** `value`, which the caller knows to be there. */
export function present<T>(value: T | null | undefined, fact: string): T {
  if (value === null || value === undefined) throw new Error(`broken invariant: ${fact}`);
  return value;
}
