import { appendFileSync } from "node:fs";
import type { Reporter, TestCase } from "vitest/node";

/**
 * Lists the tests that passed only at a second try, so that they get fixed. `SHARDMILL_SECOND_TRIES` names a
 * file to which the list is also appended.
 */
export class SecondTries implements Reporter {
  readonly #found: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === "passed" && (test.diagnostic()?.retryCount ?? 0) > 0)
      this.#found.push(`${test.module.relativeModuleId}: ${test.fullName}`);
  }

  onTestRunEnd(): void {
    if (this.#found.length === 0) return;
    const list = this.#found.map((name) => `needed a second try: ${name}\n`).join("");
    process.stderr.write(list);
    const file = process.env.SHARDMILL_SECOND_TRIES;
    if (file !== undefined) appendFileSync(file, list);
  }
}
