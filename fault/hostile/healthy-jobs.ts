import { userCredential } from "../../shared/access/credential.ts";
import { NEVER, sleep } from "../../shared/core/abort.ts";
import { isShardmillError, messageOf } from "../../shared/core/errors.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import type { KnownJob } from "../../test/support/known-job.ts";
import { checkAnswer } from "../check-answer.ts";

const LOOK_MS = 200;
const END_LIMIT_MS = 180_000;
const RELEASE_LIMIT_MS = 20_000;

/** The same job, run repeatedly from the beginning during attacks. Each run must end as if it were alone. */
export class HealthyJobs implements AsyncDisposable {
  readonly address: string;
  readonly spec: JobSpec;
  /** Number of leases that attackers took and did not work on. The healthy worker is not blamed for them. */
  leasesTaken = 0;
  /** The first problem. */
  problem: string | null = null;
  readonly #job: KnownJob;
  readonly #client: CoordinatorClient;
  readonly #over = new AbortController();
  #status: JobStatus;
  #rowsOfEnded = 0;
  #looping: Promise<void> = Promise.resolve();

  private constructor(
    client: CoordinatorClient,
    first: JobStatus,
    options: { address: string; spec: JobSpec; job: KnownJob },
  ) {
    this.#client = client;
    this.#status = first;
    this.address = options.address;
    this.spec = options.spec;
    this.#job = options.job;
  }

  static async start(address: string, spec: JobSpec, job: KnownJob): Promise<HealthyJobs> {
    const client = connectCoordinator(address, userCredential());
    const { job: first } = await client.jobs.submitJob(spec, { fresh: true }, NEVER);
    const jobs = new HealthyJobs(client, first, {
      address,
      spec,
      job,
    });
    jobs.#looping = jobs.#goOn().catch((error: unknown) => {
      if (!jobs.#over.signal.aborted) jobs.problem ??= messageOf(error);
    });
    return jobs;
  }

  get jobId(): string {
    return this.#status.jobId;
  }

  /** Number of rows that all runs have committed. */
  get rowsDone(): number {
    return this.#rowsOfEnded + this.#status.rowsCommitted;
  }

  /** Waits until a number of rows is committed. Returns null, or the reason why they are not. */
  async until(rows: number, limitMs: number): Promise<string | null> {
    const startMs = performance.now();
    while (this.rowsDone < rows) {
      if (this.problem !== null) return this.problem;
      if (performance.now() - startMs > limitMs)
        return `the worker returned no partial for ${limitMs / 1_000} s`;
      await sleep(LOOK_MS, NEVER);
    }
    return null;
  }

  /** Waits for the end of the current run, and checks the published output. */
  async finish(): Promise<string | null> {
    this.#over.abort();
    await this.#looping;
    const startMs = performance.now();
    while (!isEnded(this.#status.phase) && performance.now() - startMs < END_LIMIT_MS) await this.#look();
    this.#judge();
    if (this.problem !== null) return this.problem;
    const problems = await checkAnswer(this.#job);
    return problems.length === 0 ? null : problems.join("; ");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#looping;
    this.#client.close();
  }

  async #goOn(): Promise<void> {
    while (!this.#over.signal.aborted && this.problem === null) {
      await this.#look();
      if (!isEnded(this.#status.phase)) continue;
      this.#judge();
      const { rowsCommitted } = this.#status;
      const next = await this.#submitAgain();
      // Both at once, so that no row is counted twice or temporarily missing.
      this.#rowsOfEnded += rowsCommitted;
      this.#status = next;
    }
  }

  /** Submits the job again. Its end is visible a moment before its files are released. */
  async #submitAgain(): Promise<JobStatus> {
    for (const startMs = performance.now(); ; await sleep(LOOK_MS, NEVER)) {
      try {
        return (await this.#client.jobs.submitJob(this.spec, { fresh: true }, NEVER)).job;
      } catch (error) {
        const isSoon = performance.now() - startMs < RELEASE_LIMIT_MS;
        if (!isSoon || !isShardmillError(error, "OUTPUT_LOCKED")) throw error;
      }
    }
  }

  async #look(): Promise<void> {
    await sleep(LOOK_MS, NEVER);
    this.#status = await this.#client.jobs.getJob(this.#status.jobId, NEVER);
  }

  /**
   * Judges an ended run. A lease may expire because the coordinator is busy, which gives an extra attempt.
   */
  #judge(): void {
    const { phase, failure, attempts, attemptsFailed, shardsTotal } = this.#status;
    const extra = attempts - shardsTotal;
    if (phase !== "published") this.problem ??= `the job is ${phase}: ${failure?.message ?? ""}`;
    else if (attemptsFailed > 0) this.problem ??= `${attemptsFailed} attempts failed`;
    else if (extra > this.leasesTaken)
      this.problem ??= `${extra} shards ran again, ${this.leasesTaken} leases were taken by attackers`;
  }
}
