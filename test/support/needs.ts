import { test } from "vitest";
import { EXTENSIONS } from "#extensions";

/**
 * Returns the function for tests that need extensions. When the list lacks one of them, these tests are
 * skipped. So the engine can be tested without extensions, and each extension can be deleted.
 */
export function needs(...names: readonly string[]): typeof test {
  const isThere = (name: string) => EXTENSIONS.some((extension) => extension.name === name);
  return (names.every(isThere) ? test : test.skip) as typeof test;
}
