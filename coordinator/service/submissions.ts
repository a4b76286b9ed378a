import { type Deferred, deferred, orAbort } from "../../shared/core/abort.ts";
import { messageOf, ShardmillError } from "../../shared/core/errors.ts";
import type { Logger } from "../../shared/core/log.ts";
import { mapInOrder } from "../../shared/core/map-in-order.ts";
import { Slots } from "../../shared/core/slots.ts";
import { SlotsPerPeer } from "../../shared/core/slots-per-peer.ts";
import { isEnded } from "../../shared/domain/job.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { JobStatus } from "../../shared/domain/job-status.ts";
import type { JobView } from "../../shared/domain/job-view.ts";
import { checkJobSpec } from "../../shared/job-file/check-job.ts";
import type { Submitter } from "../../shared/wire/services.ts";
import type { Admission } from "../access/submit-rights.ts";
import type { ActiveJob } from "../job/active-job.ts";
import { handleOf, type JobHandle, publishedHandle } from "../job/job-handle.ts";
import { NO_VIEW } from "../job/job-view.ts";
import type { OpenedJob, SubmitOptions } from "../job/opened-job.ts";
import { PlanningSlot } from "../job/planning-slot.ts";
import { type JobRecord, submitterOf } from "../job-store/job-record.ts";
import type { JobStore } from "../job-store/job-store.ts";
import {
  endedHandle,
  notOpened,
  type RecalledJob,
  recalledOf,
  returningHandle,
} from "../job-store/recalled-handles.ts";
import { placeOf } from "../runs/one-dataset.ts";
import { JobsOfEach } from "./jobs-of-each.ts";
import { KnownJobs } from "./known-jobs.ts";

interface SubmissionsOptions extends Admission {
  /** Checks, plans and opens a job in its own slot. */
  readonly open: (spec: JobSpec, options: SubmitOptions, slot: PlanningSlot) => Promise<OpenedJob>;
  /** Assigns the job's shards to workers until it has ended. */
  readonly startServing: (job: ActiveJob) => void;
  /** Returns the jobs whose shards are being assigned. */
  readonly active: () => readonly ActiveJob[];
  /** Store of the jobs that survive a restart. Null: no job does. */
  readonly store: JobStore | null;
  /** Jobs come from other users: see `Reach`. */
  readonly isGuarded?: boolean | undefined;
  /** The coordinator's own process submits a job. */
  readonly hasOwnJob: boolean;
  /** Limit of active jobs per token. */
  readonly jobsOfOne: number;
  readonly log: Logger;
}

/**
 * Jobs that are planned, and that wait for it, at once. Each needs processes of 80 MB and more that read
 * footers and the model. Two keep a disk busy. A waiting caller's call stays open, and fails when the
 * coordinator stops.
 */
const PLANNING = { slots: 2, waiting: 64 } as const;
/** The same limits per identity: its other jobs wait in its own queue, so they do not delay other users. */
const PLANNING_OF_ONE = { slots: 2, waiting: 64 } as const;
/** Limit of jobs that have not ended. Each keeps its journal and its lock open, and costs a tick a second. */
export const MOST_ACTIVE = 256;
/** Jobs that open concurrently after a restart. Mostly they wait for a lock, or for planning. */
const OPENED_AGAIN = 8;

/** Accepts jobs of a coordinator: new submissions, and the jobs of its previous process. */
export class Submissions {
  readonly #options: SubmissionsOptions;
  readonly known = new KnownJobs();
  readonly planning = new Slots("jobs to plan", PLANNING);
  readonly #plansOfOne = new SlotsPerPeer("jobs of one caller to plan", PLANNING_OF_ONE);
  readonly #ofEach: JobsOfEach;
  /** Jobs that are being opened again, by output path. */
  readonly #returning = new Map<string, Promise<unknown>>();
  readonly #closed = new AbortController();
  #opening: Promise<void> = Promise.resolve();
  #submitting = 0;

  constructor(options: SubmissionsOptions) {
    this.#options = options;
    this.#ofEach = new JobsOfEach(options.jobsOfOne);
  }

  /**
   * True while jobs are being opened, and while the coordinator's own job is not active. Such a coordinator
   * waits for that job, and dismisses its workers itself once that job has ended.
   */
  get isOpening(): boolean {
    const hasOnlyOwn = this.#options.hasOwnJob && this.#options.active().length === 0;
    return hasOnlyOwn || this.#submitting > 0 || this.#returning.size > 0;
  }

  /** Rejects the jobs that wait for planning, and releases jobs that are opened from now on. */
  close(): void {
    this.#closed.abort(stopped());
  }

  /** Resolves when no job is being opened any more. Call it after `close`. */
  idle(): Promise<void> {
    return this.#opening;
  }

  /** Checks, plans and opens a job. The job runs from here on. */
  async submit(spec: JobSpec, { by, ...options }: Submission): Promise<JobHandle> {
    const { signal } = options;
    this.#submitting += 1;
    try {
      if (by === undefined) return await this.#submit({ spec }, options, signal);
      const allowed = await this.#options.admit(spec, by);
      const release = await this.#plansOfOne.take(by.name, signal);
      const submitted = this.#submit({ spec, by: by.name, role: by.role }, { ...options, allowed }, signal);
      return await submitted.finally(release);
    } finally {
      this.#submitting -= 1;
    }
  }

  async #submit(
    job: Submitted,
    { joins, ...options }: JoiningOptions,
    signal: AbortSignal,
  ): Promise<JobHandle> {
    const { spec, by = null } = job;
    await orAbort(this.#returning.get(spec.output.path) ?? Promise.resolve(), signal);
    const there = joins === true ? this.#atWork(spec.output.path) : null;
    if (there !== null) return there;
    this.#refuseSecond(spec.output.path);
    using slot = await PlanningSlot.take(this.planning, signal);
    // Check again: other jobs were planned during the wait.
    this.#refuseSecond(spec.output.path);
    this.#refuseTooMany();
    const leave = this.#ofEach.take(by);
    const opened = await this.#options.open(spec, options, slot).catch((error) => {
      leave();
      throw error;
    });
    const handle = this.#remembered(job, opened);
    handle.ended.then(leave, leave);
    await this.#options.store?.submitted(job, handle.status()).catch((error) => abandon(opened, error));
    this.known.remember(handle);
    await this.#startServing(opened);
    return handle;
  }

  /**
   * Adds the jobs from before a restart, and opens again those that had not ended. Each opens independently,
   * and their shards are assigned in the order of the records. Each handle reports the outcome.
   *
   * @param records in the order of submission
   * @returns function that starts to open them
   */
  async recall(records: readonly JobRecord[]): Promise<() => void> {
    const ran: Returning[] = [];
    for (const record of records) {
      const { status, spec } = record;
      const { isGuarded } = this.#options;
      const allowed = this.#options.placesOf(submitterOf(record));
      const recalled = await recalledOf(record, this.#options.store, { allowed, isGuarded });
      if (isEnded(status.phase)) {
        this.known.remember(endedHandle(recalled, status));
        continue;
      }
      const opening = deferred<JobHandle>();
      this.known.remember(returningHandle(recalled, status, opening.promise));
      const opened = opening.promise.catch(() => {});
      this.#returning.set(spec.output.path, opened);
      ran.push({ record, recalled, opening });
    }
    return () => {
      this.#opening = this.#openAll(ran);
    };
  }

  async #openAll(ran: readonly Returning[]): Promise<void> {
    const opened = mapInOrder(
      inTurn(ran),
      () => OPENED_AGAIN,
      (returning) => this.#openAgain(returning),
    );
    for await (const end of opened) await end();
    this.#returning.clear();
  }

  /** @returns what to do after all previous jobs have started. Never rejects */
  async #openAgain({ record, recalled, opening }: Returning): Promise<() => Promise<void>> {
    const { log, store, open, admit } = this.#options;
    const { spec, jobId } = record;
    try {
      const checked = checkJobSpec(spec);
      const allowed = await admit(checked, submitterOf(record));
      const signal = this.#closed.signal;
      using slot = await PlanningSlot.take(this.planning, signal);
      const opened = await open(checked, { fresh: false, resumes: jobId, signal, allowed }, slot);
      const handle = this.#remembered(record, opened);
      if (record.by !== undefined) {
        const leave = this.#ofEach.count(record.by);
        handle.ended.then(leave, leave);
      }
      if (opened.kind === "published") await this.#noteEnd(record, handle.status(), handle.view());
      log.info({ job: jobId }, "a job that ran before the restart is resumed");
      return () => this.#startServing(opened).then(() => opening.resolve(handle), opening.reject);
    } catch (error) {
      if (this.#closed.signal.aborted) return async () => opening.reject(stopped());
      const { status, isFinal } = notOpened(record, error);
      log.warn({ job: jobId, reason: messageOf(error) }, "a job that ran before the restart is not resumed");
      if (isFinal) await this.#noteEnd(record, status);
      const giveUp = async () => store?.ended(record, status);
      return async () => opening.resolve({ ...endedHandle(recalled, status), cancel: giveUp });
    }
  }

  /** Returns the handle for clients. The end is durable before the handle reports it. */
  #remembered(job: Submitted, opened: OpenedJob): JobHandle {
    if (opened.kind === "published") return publishedHandle(opened);
    const handle = handleOf(opened);
    const ended = handle.ended.then(async (status) => {
      await this.#noteEnd(job, status, handle.view());
      return status;
    });
    ended.catch(() => {});
    return { ...handle, ended };
  }

  /** Records the end of a job. If that fails, a restart finds the end in the job's own journal. */
  async #noteEnd(job: Submitted, status: JobStatus, view: JobView = NO_VIEW): Promise<void> {
    const { store, log } = this.#options;
    const report = (error: unknown) => log.error(error, "the end of a job cannot be recorded");
    const packed = view.kind === "ended" ? await view.packed() : null;
    await store?.ended(job, status, packed ?? undefined).catch(report);
  }

  async #startServing(opened: OpenedJob): Promise<void> {
    if (opened.kind === "published") return;
    // A job opened while the coordinator closes would otherwise hold its lock until the process exits.
    if (this.#closed.signal.aborted) await abandon(opened, stopped());
    this.#options.startServing(opened.job);
  }

  #refuseTooMany(): void {
    if (this.#options.active().length < MOST_ACTIVE) return;
    const message = `this coordinator has ${MOST_ACTIVE} active jobs already`;
    throw new ShardmillError("RESOURCE_EXHAUSTED", message, {
      fields: { most: MOST_ACTIVE },
      hint: "submit the job again when one of them has ended",
    });
  }

  /** Returns the active job on an output, as a handle. Null: none. */
  #atWork(outputPath: string): JobHandle | null {
    const jobId = this.#options.active().find(({ planned }) => placeOf(planned.spec) === outputPath)?.jobId;
    return this.known.all.find((handle) => handle.jobId === jobId) ?? null;
  }

  /** Refuses a second job on an output. The lock would refuse it, too, but would name only this process. */
  #refuseSecond(outputPath: string): void {
    const jobId = this.#atWork(outputPath)?.jobId;
    if (jobId === undefined) return;
    throw new ShardmillError("OUTPUT_LOCKED", `job ${jobId} is at work on this output`, {
      fields: { jobId, path: outputPath },
      hint: `follow it with \`shardmill watch ${jobId}\`, or cancel it first`,
    });
  }
}

type Submitted = Pick<JobRecord, "spec" | "by" | "role">;

export interface JoiningOptions extends SubmitOptions {
  /** True: if a job is active on this output, that job is returned. Default: the submission is refused. */
  readonly joins?: boolean;
}

export interface Submission extends JoiningOptions {
  /** Submitter. Default: this process itself. */
  readonly by?: Submitter;
}

interface Returning {
  readonly record: JobRecord;
  readonly recalled: RecalledJob;
  readonly opening: Deferred<JobHandle>;
}

async function* inTurn<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}

/** Releases an opened job. @throws `why` once its files are released */
async function abandon(opened: OpenedJob, why: unknown): Promise<never> {
  if (opened.kind === "active") {
    opened.job.abandon();
    // Report the first error.
    await opened.job.release().catch(() => {});
  }
  throw why;
}

function stopped(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "the coordinator stops: submit the job again to resume it");
}
