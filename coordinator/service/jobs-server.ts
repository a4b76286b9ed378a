import { joined, orAbort, sleep } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { keyOf } from "../../shared/domain/job-rules.ts";
import { JOB_RUNS } from "../../shared/domain/job-runs.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { checkPriority, type Standing } from "../../shared/domain/standing.ts";
import { checkJobSpec } from "../../shared/job-file/check-job.ts";
import type { IdentifiedSubmission, JobsService, SubmittedJob } from "../../shared/wire/services.ts";
import type { JobHandle } from "../job/job-handle.ts";
import { ListingPace } from "./listing-pace.ts";

/** Interval between two looks at a watched job. People read no faster, and a status costs almost nothing. */
const WATCH_EVERY_MS = 500;

interface JobsServerOptions {
  readonly submit: (
    spec: JobSpec,
    options: IdentifiedSubmission & { readonly signal: AbortSignal },
  ) => Promise<JobHandle>;
  /** Returns all jobs in the order of submission. `listed` returns those that a list shows. */
  readonly jobs: () => readonly JobHandle[];
  readonly listed: () => readonly JobHandle[];
}

/** Limit of watchers: each costs two looks a second, of a tenth of a millisecond each. */
const MOST_WATCHERS = 256;

/** Service through which clients submit, watch and control jobs. */
export class JobsServer implements JobsService {
  readonly #options: JobsServerOptions;
  readonly #lists = new ListingPace();
  readonly #watchers = new Slots("watchers", { slots: MOST_WATCHERS, waiting: 0 });

  constructor(options: JobsServerOptions) {
    this.#options = options;
  }

  /** Submits a job. Planning stops once the caller has gone. */
  async submitJob(
    spec: JobSpec,
    submission: IdentifiedSubmission,
    signal: AbortSignal,
  ): Promise<SubmittedJob> {
    if (submission.priority !== undefined) checkPriority(submission.priority);
    const options = { ...submission, signal };
    const checked = checkJobSpec(spec);
    refuseRuns(checked);
    const { origin, notes, status } = await this.#options.submit(checked, options);
    return { job: status(), nothingNew: origin.kind === "nothingNew", notes };
  }

  async getJob(jobId: JobId): Promise<JobStatus> {
    return this.#find(jobId).status();
  }

  listJobs(signal: AbortSignal): Promise<readonly JobStatus[]> {
    return this.#lists.list(() => this.#options.listed().map((job) => job.status()), signal);
  }

  async *watchJob(jobId: JobId, signal: AbortSignal): AsyncIterable<JobStatus> {
    const job = this.#find(jobId);
    const release = await this.#watchers.take(signal);
    try {
      yield* this.#watch(job, signal);
    } finally {
      release();
    }
  }

  async *#watch(job: JobHandle, signal: AbortSignal): AsyncIterable<JobStatus> {
    // Subscribe once, not with each pause: a listener stays with its promise until the job ends.
    const over = new AbortController();
    const end = () => over.abort();
    job.ended.then(end, end);
    using wake = joined(signal, over.signal);
    let last = "";
    for (;;) {
      const status = job.status();
      if (isEnded(status.phase) || over.signal.aborted) {
        // Report the end only once the job's files are released: the client may run the job again at once.
        yield await orAbort(job.ended, signal);
        return;
      }
      const text = JSON.stringify(status);
      if (text !== last) yield status;
      last = text;
      await sleep(WATCH_EVERY_MS, wake.signal).catch(() => signal.throwIfAborted());
    }
  }

  async cancelJob(jobId: JobId, reason: string): Promise<JobStatus> {
    const job = this.#find(jobId);
    await job.cancel(reason);
    return await job.ended;
  }

  async pauseJob(jobId: JobId): Promise<JobStatus> {
    return await this.#change(jobId, { paused: true });
  }

  async resumeJob(jobId: JobId): Promise<JobStatus> {
    return await this.#change(jobId, { paused: false });
  }

  async setJobPriority(jobId: JobId, priority: number): Promise<JobStatus> {
    return await this.#change(jobId, { priority: checkPriority(priority) });
  }

  async #change(jobId: JobId, change: Partial<Standing>): Promise<JobStatus> {
    const job = this.#find(jobId);
    await job.changeStanding(change);
    return job.status();
  }

  #find(jobId: JobId): JobHandle {
    const jobs = this.#options.jobs();
    const job = jobId === "" ? jobs.at(-1) : jobs.findLast((candidate) => candidate.jobId === jobId);
    if (job !== undefined) return job;
    const known = this.#options
      .listed()
      .map((candidate) => candidate.jobId)
      .join(", ");
    const what = jobId === "" ? "this coordinator has no job" : `this coordinator has no job ${jobId}`;
    throw new ShardmillError("JOB_NOT_FOUND", what, {
      fields: { jobId },
      ...(known === "" ? {} : { hint: `its jobs are: ${known}` }),
    });
  }
}

/** @throws {SPEC_INVALID} when the job has the key that makes runs of a job file: a single run has none */
function refuseRuns(job: JobSpec): void {
  if (JOB_RUNS === null || keyOf(job, JOB_RUNS.key) === undefined) return;
  const { key, command } = JOB_RUNS;
  throw new ShardmillError("SPEC_INVALID", `a submitted job is one run, and has no ${key}`, {
    problems: [
      {
        where: key,
        what: "makes runs of a job file, and is not part of a run",
        expected: "the job without it, with the output folder of the run",
        found: `a ${key}`,
      },
    ],
    hint: `send the original job file (\`job_file\`), as \`shardmill submit\` and the Python client do, to submit its last run, or use \`shardmill ${command}\` to make each run when it is due`,
  });
}
