import { userCredential } from "../shared/access/credential.ts";
import { NEVER, sleep } from "../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../shared/core/errors.ts";
import { isEnded } from "../shared/domain/job.ts";
import type { JobSpec } from "../shared/domain/job-spec.ts";
import { readJobSource } from "../shared/job-file/read-job-file.ts";
import { type CoordinatorClient, connectCoordinator } from "../shared/wire/client.ts";
import type { KnownJob } from "../test/support/known-job.ts";
import type { MortalCoordinator } from "./fleet.ts";

const LOOK_MS = 300;

export interface JobsEnd {
  readonly code: number | null;
  readonly stderr: string;
}

/**
 * Several jobs for one coordinator that is killed repeatedly. Each is submitted again after each kill, as by
 * a user.
 */
export class SubmittedJobs implements AsyncDisposable {
  /** Resolves with code 0 once all are published, otherwise with the error. */
  readonly done: Promise<JobsEnd>;
  readonly #coordinator: MortalCoordinator;
  readonly #over = new AbortController();
  readonly #open: Set<JobSpec>;

  private constructor(coordinator: MortalCoordinator, specs: readonly JobSpec[]) {
    this.#coordinator = coordinator;
    this.#open = new Set(specs);
    this.done = this.#untilPublished();
  }

  static async start(coordinator: MortalCoordinator, jobs: readonly KnownJob[]): Promise<SubmittedJobs> {
    const sources = await Promise.all(jobs.map((job) => readJobSource(job.path, { set: [], env: {} })));
    return new SubmittedJobs(
      coordinator,
      sources.map(({ spec }) => spec),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.done;
  }

  async #untilPublished(): Promise<JobsEnd> {
    let failure: string | null = null;
    while (this.#open.size > 0 && failure === null && !this.#over.signal.aborted) {
      await this.#coordinator.listening();
      failure = await this.#oneLife();
      await sleep(LOOK_MS, NEVER);
    }
    return {
      code: failure === null && this.#open.size === 0 ? 0 : 1,
      stderr: failure ?? "not all are published",
    };
  }

  /**
   * Watches the jobs until the coordinator exits, or all are published.
   *
   * @returns an error that no exit of the coordinator explains, or null
   */
  async #oneLife(): Promise<string | null> {
    const client = connectCoordinator(this.#coordinator.address, userCredential());
    try {
      for (const spec of [...this.#open]) await this.#submit(client, spec);
      while (this.#open.size > 0 && !this.#over.signal.aborted) {
        for (const spec of [...this.#open]) {
          const statuses = await client.jobs.listJobs(NEVER);
          const status = statuses.findLast(({ output }) => output === spec.output.path);
          if (status === undefined || !isEnded(status.phase)) continue;
          if (status.phase !== "published")
            return `${spec.output.path} is ${status.phase}: ${status.failure?.message}`;
          this.#open.delete(spec);
        }
        await sleep(LOOK_MS, NEVER);
      }
      return null;
    } catch (error) {
      const died = ["COORDINATOR_UNREACHABLE", "DEADLINE_EXCEEDED", "INTERRUPTED"] as const;
      return died.some((code) => isShardmillError(error, code)) ? null : messageOf(error);
    } finally {
      client.close();
    }
  }

  async #submit(client: CoordinatorClient, spec: JobSpec): Promise<void> {
    try {
      await client.jobs.submitJob(spec, { fresh: false }, NEVER);
    } catch (error) {
      // Submitted before: the answer was lost, or the coordinator has resumed the job without help.
      if (!isShardmillError(error, "OUTPUT_LOCKED")) throw error;
    }
  }
}
