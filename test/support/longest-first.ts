import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * Long test files. They use real processes, wait as much as they compute, and would end alone if started
 * last.
 */
const LONG = /\/test\/(integration|sim)\//;

/** Starts long files first, so that short ones fill the gaps. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification) => LONG.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}
