import { test } from "vitest";
import { EXTENSIONS } from "#extensions";

/**
 * Gives the function for tests that need extensions. Where the list does not have one of them, these tests
 * are left out: the engine is tested without extensions, and each extension can be deleted.
 */
export function needs(...names: readonly string[]): typeof test {
  const isThere = (name: string) => EXTENSIONS.some((extension) => extension.name === name);
  return (names.every(isThere) ? test : test.skip) as typeof test;
}
