import { isShardmillError } from "../../shared/core/errors.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { WarmResource } from "./warm-resource.ts";

/** Open job. */
interface Open extends AsyncDisposable {
  /** Returns an estimate of the memory that the job takes. */
  memoryBytes(): number;
  /** Leaves to the next job what both can use, while nothing uses this one. */
  rest(): Promise<void>;
}

interface Held<T extends Open> {
  readonly jobId: JobId;
  readonly resource: WarmResource<T>;
  /**
   * Memory when the job first became idle. Measured once, because later jobs share the process. Null until
   * then.
   */
  idleBytes: number | null;
}

interface JobsInUseOptions {
  /** Memory limit of idle jobs together. 0: none is kept. */
  readonly idleBytes: number;
  /**
   * Checks whether the device has too little free memory for another job. Called before another job is
   * opened. Default: always enough.
   */
  readonly isShort?: () => Promise<boolean>;
  /** Called when an idle job is used again. */
  readonly onReused?: (jobId: JobId) => void;
  /** Called when a job will be closed to make room. */
  readonly onClosing?: (jobId: JobId, why: string) => void;
}

/**
 * Limit of idle jobs, however small. The coordinator remembers as many for each worker. Each window of a
 * queue is a job that never runs again.
 */
const MOST_IDLE = 8;

/**
 * Current job, and previous jobs that stay open and idle while memory allows. The least recently used one
 * closes first. So alternating between jobs does not reload models.
 *
 * A job opens after idle closing jobs are closed, because the device may not hold two models. A job that runs
 * out of memory is retried once, alone.
 */
export class JobsInUse<T extends Open> {
  readonly #options: JobsInUseOptions;
  #atHand: Held<T> | null = null;
  /** Idle jobs, the most recently used one last. */
  readonly #idle: Held<T>[] = [];
  readonly #leaving = new Set<WarmResource<T>>();
  /** Resolves when the previous job has left its threads. */
  #resting: Promise<void> = Promise.resolve();

  constructor(options: JobsInUseOptions) {
    this.#options = options;
  }

  /** Id of the current job. Null: none. */
  get atHandId(): JobId | null {
    return this.#atHand?.jobId ?? null;
  }

  /** Checks whether the job is open or opening. */
  has(jobId: JobId): boolean {
    return this.atHandId === jobId || this.#idle.some((held) => held.jobId === jobId);
  }

  /**
   * Runs `work` on the job, which `open` opens if it is not open.
   *
   * @throws errors of {@link WarmResource.use}
   */
  use<R>(
    jobId: JobId,
    { open, work, signal }: { open: () => Promise<T>; work: (job: T) => Promise<R>; signal: AbortSignal },
  ): Promise<R> {
    const resource = this.#warm(jobId, open);
    const resting = this.#resting;
    return resource.use(async (job) => {
      await resting;
      return await work(job);
    }, signal);
  }

  /** Closes the current job once its users end. The next use opens a job again. */
  putAway(): void {
    const held = this.#atHand;
    this.#atHand = null;
    if (held !== null) this.#leave(held);
  }

  /** Closes all jobs now, even those in use. */
  async closeNow(): Promise<void> {
    this.putAway();
    for (const held of this.#idle.splice(0)) this.#leave(held);
    await Promise.all([...this.#leaving].map((resource) => resource.closeNow()));
  }

  #warm(jobId: JobId, open: () => Promise<T>): WarmResource<T> {
    if (this.#atHand?.jobId === jobId) return this.#atHand.resource;
    // Take the requested job out first, so that it is not closed to make room.
    const index = this.#idle.findIndex((held) => held.jobId === jobId);
    const [rested] = index < 0 ? [] : this.#idle.splice(index, 1);
    this.#rest();
    if (rested !== undefined) {
      this.#atHand = rested;
      this.#options.onReused?.(jobId);
      return rested.resource;
    }
    const opening = this.#makeRoom().then(() => this.#openPatiently(open));
    const held: Held<T> = { jobId, resource: new WarmResource(opening), idleBytes: null };
    this.#atHand = held;
    // A job that could not be opened is retried with its next lease.
    opening.catch(() => {
      if (this.#atHand === held) this.#atHand = null;
      if (this.#idle.includes(held)) this.#idle.splice(this.#idle.indexOf(held), 1);
    });
    return held.resource;
  }

  #rest(): void {
    const held = this.#atHand;
    this.#atHand = null;
    if (held === null) return;
    this.#idle.push(held);
    if (held.resource.isIdle)
      this.#resting = (held.resource.open?.rest() ?? Promise.resolve()).catch(() => {});
    for (const one of this.#idle) one.idleBytes ??= one.resource.open?.memoryBytes() ?? null;
    const total = () => this.#idle.reduce((sum, { idleBytes }) => sum + (idleBytes ?? 0), 0);
    const { idleBytes: most } = this.#options;
    while (this.#idle.length > (most === 0 ? 0 : MOST_IDLE) || total() > most) {
      const [oldest] = this.#idle.splice(0, 1);
      if (oldest !== undefined) this.#leave(oldest, "other jobs need its memory");
    }
  }

  /** Closes idle jobs one at a time, because a job's share of the device is visible only after closing. */
  async #makeRoom(): Promise<void> {
    await this.#resting;
    await this.#idleClosed();
    const { isShort = async () => false } = this.#options;
    while (this.#idle.length > 0 && (await isShort())) {
      const oldest = this.#idle.shift();
      if (oldest !== undefined) this.#leave(oldest, "its device has little memory free");
      await this.#idleClosed();
    }
  }

  async #openPatiently(open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } catch (error) {
      if (!isShardmillError(error, "OUT_OF_MEMORY") || this.#idle.length === 0) throw error;
    }
    for (const held of this.#idle.splice(0))
      this.#leave(held, "too little memory for the next job beside it");
    await this.#idleClosed();
    return await open();
  }

  #leave({ jobId, resource }: Held<T>, why?: string): void {
    if (why !== undefined && this.#options.idleBytes > 0) this.#options.onClosing?.(jobId, why);
    this.#leaving.add(resource);
    void resource.closeWhenIdle().then(() => this.#leaving.delete(resource));
  }

  async #idleClosed(): Promise<void> {
    await Promise.all([...this.#leaving].filter(({ isIdle }) => isIdle).map(({ closed }) => closed));
  }
}
