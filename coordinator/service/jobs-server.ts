import { NEVER, orAbort, sleep } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { Slots } from "../../shared/core/slots.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import { checkJobSpec } from "../../shared/job-file/check-job.ts";
import type { JobsService, SubmittedJob } from "../../shared/wire/services.ts";
import type { JobHandle } from "../job/job-handle.ts";
import { modulesOf } from "../plan/steps/step-files.ts";
import { ListingPace } from "./listing-pace.ts";

/** How often a watched job is looked at: people cannot read faster, and a status costs almost nothing. */
const WATCH_EVERY_MS = 500;

interface JobsServerOptions {
  readonly submit: (
    spec: JobSpec,
    options: { readonly fresh: boolean; readonly signal?: AbortSignal },
  ) => Promise<JobHandle>;
  /** In the order of submission. */
  readonly jobs: () => readonly JobHandle[];
  /** Whether jobs may bring code along. */
  readonly takesCode: boolean;
}

/**
 * Each is looked at twice a second, and a status costs a tenth of a millisecond with all that is around it.
 */
const MOST_WATCHERS = 256;

/** Where people submit jobs and ask after them. */
export class JobsServer implements JobsService {
  readonly #options: JobsServerOptions;
  readonly #lists = new ListingPace();
  readonly #watchers = new Slots("watchers", { slots: MOST_WATCHERS, waiting: 0 });

  constructor(options: JobsServerOptions) {
    this.#options = options;
  }

  /** Nothing is planned for a caller who has gone. */
  async submitJob(
    spec: JobSpec,
    { fresh }: { readonly fresh: boolean },
    signal?: AbortSignal,
  ): Promise<SubmittedJob> {
    const options = { fresh, ...(signal === undefined ? {} : { signal }) };
    const checked = checkJobSpec(spec);
    if (!this.#options.takesCode) refuseCode(checked);
    const { origin, notes, status } = await this.#options.submit(checked, options);
    return { job: status(), nothingNew: origin.kind === "nothingNew", notes };
  }

  async getJob(jobId: string): Promise<JobStatus> {
    return this.#find(jobId).status();
  }

  listJobs(signal?: AbortSignal): Promise<readonly JobStatus[]> {
    return this.#lists.list(() => this.#options.jobs().map((job) => job.status()), signal);
  }

  async *watchJob(jobId: string, signal?: AbortSignal): AsyncIterable<JobStatus> {
    const job = this.#find(jobId);
    const giveBack = await this.#watchers.take(signal ?? NEVER);
    try {
      yield* this.#watch(job, signal);
    } finally {
      giveBack();
    }
  }

  async *#watch(job: JobHandle, signal?: AbortSignal): AsyncIterable<JobStatus> {
    // Once, and not with each pause: what waits for a promise stays with it until it settles, and a job may
    // run for weeks.
    const over = new AbortController();
    const end = () => over.abort();
    job.ended.then(end, end);
    const wake = signal === undefined ? over.signal : AbortSignal.any([signal, over.signal]);
    let last = "";
    for (;;) {
      const status = job.status();
      if (isEnded(status.phase) || over.signal.aborted) {
        // Reported only once its files are let go of: whoever hears of it may run the job again.
        yield await (signal === undefined ? job.ended : orAbort(job.ended, signal));
        return;
      }
      const text = JSON.stringify(status);
      if (text !== last) yield status;
      last = text;
      await sleep(WATCH_EVERY_MS, wake).catch(() => signal?.throwIfAborted());
    }
  }

  async cancelJob(jobId: string, reason: string): Promise<JobStatus> {
    const job = this.#find(jobId);
    await job.cancel(reason);
    return await job.ended;
  }

  #find(jobId: string): JobHandle {
    const jobs = this.#options.jobs();
    const job = jobId === "" ? jobs.at(-1) : jobs.findLast((candidate) => candidate.jobId === jobId);
    if (job !== undefined) return job;
    const known = jobs.map((candidate) => candidate.jobId).join(", ");
    const what = jobId === "" ? "this coordinator has no job" : `this coordinator has no job ${jobId}`;
    throw new ShardmillError("JOB_NOT_FOUND", what, {
      fields: { jobId },
      ...(known === "" ? {} : { hint: `its jobs are: ${known}` }),
    });
  }
}

/** Before a byte of it is read. @throws {MODULES_REFUSED} naming all places of a job's own code */
function refuseCode(spec: JobSpec): void {
  const code = modulesOf(spec);
  if (code.length === 0) return;
  throw new ShardmillError("MODULES_REFUSED", "this coordinator takes no jobs that bring code along", {
    problems: code.map(({ where, path }) => ({
      where,
      what: "is code of the job's own",
      expected: "SQL, or what else Shardmill does by itself",
      found: path,
      hint: "its operator allows code with --allow-modules, where all who may submit are trusted",
    })),
  });
}
