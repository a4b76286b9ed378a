import { isShardmillError, messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { ServedFacts } from "../../shared/domain/served-status.ts";
import { ServedJob, type ServedJobOptions } from "./served-job.ts";

/** Jobs of a `serve`. Jobs are independent: a failing one does not delay the runs of others. */
export class ServedJobs implements AsyncDisposable {
  readonly #jobs: readonly ServedJob[];

  private constructor(jobs: readonly ServedJob[]) {
    this.#jobs = jobs;
  }

  /**
   * Opens all jobs. While at least one can be served, a job file that cannot be read is logged and retried.
   *
   * @throws {LEDGER_LOCKED} when another process serves one of the jobs: `serve` was started twice
   * @throws {SPEC_INVALID} when no job can be served
   */
  static async open(paths: readonly string[], options: Omit<ServedJobOptions, "path">): Promise<ServedJobs> {
    const jobs = paths.map((path) => new ServedJob({ ...options, path }));
    const opened = await Promise.allSettled(jobs.map((job) => job.open()));
    const errors = opened.flatMap((each) => (each.status === "rejected" ? [each.reason as unknown] : []));
    const locked = errors.find((error) => isShardmillError(error, "LEDGER_LOCKED"));
    if (locked !== undefined || errors.length === jobs.length) {
      await Promise.allSettled(jobs.map((job) => job[Symbol.asyncDispose]()));
      throw locked ?? (errors.length === 1 ? errors[0] : noneServed(errors));
    }
    return new ServedJobs(jobs);
  }

  /** Returns facts of the opened jobs. */
  facts(): readonly ServedFacts[] {
    return this.#jobs.flatMap((job) => job.facts() ?? []);
  }

  /** Serves until the options' signal is aborted. */
  async serve(): Promise<void> {
    await Promise.all(this.#jobs.map((job) => job.serve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#jobs.map((job) => job[Symbol.asyncDispose]()));
  }
}

function noneServed(errors: readonly unknown[]): ShardmillError {
  const problems = errors.flatMap((error) => {
    if (!isShardmillError(error)) return [{ where: "job", what: messageOf(error) }];
    if (error.problems.length > 0) return [...error.problems];
    return [{ where: String(error.fields.path ?? "job"), what: error.message }];
  });
  return new ShardmillError("SPEC_INVALID", `none of the ${errors.length} jobs can be served`, { problems });
}
