import { expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";

/**
 * Returns the function for tests that need extensions. When the list lacks one of them, these tests are
 * skipped. So the engine can be tested without extensions, and each extension can be deleted.
 */
export function needs(...names: readonly string[]): typeof test {
  const isThere = (name: string) => EXTENSIONS.some((extension) => extension.name === name);
  return (names.every(isThere) ? test : test.skip) as typeof test;
}

/**
 * Checks that a suite for each part of a kind has tests. `describe.each` of an empty list passes, so a part
 * that is not found would go untested. Skipped when one of these extensions is deleted.
 *
 * @param names extensions that have such a part
 */
export function suiteCovers(parts: readonly { readonly name: string }[], ...names: readonly string[]): void {
  needs(...names)(`the suite covers ${names.join(", ")}`, () => {
    expect(parts.map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
  });
}
