import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Tests of real processes wait as much as they compute, and take the longest: begun last, they would end
 * alone.
 */
const LONG = /\/test\/(integration|sim)\//;

/** Begins the long files first and lets the short ones fill the gaps. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
