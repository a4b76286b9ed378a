import { isShardmillError } from "../../shared/core/errors.ts";
import type { JobId } from "../../shared/domain/job-id.ts";
import { KeptOpen } from "./kept-open.ts";

/** A job as it is open here. */
interface Open extends AsyncDisposable {
  /** What it takes of this machine's memory by now, as far as that can be told. */
  memoryBytes(): number;
}

interface Held<T extends Open> {
  readonly jobId: JobId;
  readonly kept: KeptOpen<T>;
  /** As it was when it first rested, open: later others are open beside it. Null until then. */
  restingBytes: number | null;
}

interface JobsInUseOptions {
  /** What jobs that are not at hand may take together; 0: none is kept. */
  readonly restingBytes: number;
  /**
   * Whether the device has too little memory free for one job more; asked before one is opened beside others.
   * Left out: never.
   */
  readonly isShort?: () => Promise<boolean>;
  /** It is at hand again, and was open. */
  readonly onKept?: (jobId: JobId) => void;
  /** It will be closed, to make room. */
  readonly onClosing?: (jobId: JobId, why: string) => void;
}

/**
 * However little each takes: that many the coordinator remembers to send a worker back to. Of a queue, each
 * window is a job, with threads of its own, that is never at hand again.
 */
const MOST_RESTING = 8;

/**
 * The job at hand, and those before it: they rest, open and idle, as long as there is memory for them, and
 * the least recently used one goes first. So who changes between jobs loads no model twice.
 *
 * Where nothing runs any more for those that go, the next is opened only when they are closed: two models at
 * once may be more than the device holds. One that finds no memory is tried once more, alone.
 */
export class JobsInUse<T extends Open> {
  readonly #options: JobsInUseOptions;
  #atHand: Held<T> | null = null;
  /** The one that was at hand last is the last. */
  readonly #resting: Held<T>[] = [];
  readonly #leaving = new Set<KeptOpen<T>>();

  constructor(options: JobsInUseOptions) {
    this.#options = options;
  }

  /** Null when none is. */
  get atHandId(): JobId | null {
    return this.#atHand?.jobId ?? null;
  }

  /** Whether it is open, or opens. */
  has(jobId: JobId): boolean {
    return this.atHandId === jobId || this.#resting.some((held) => held.jobId === jobId);
  }

  /**
   * Runs `work` on the job, which is opened with `open` when it is neither at hand nor at rest. @throws as
   * {@link KeptOpen.use}
   */
  use<R>(
    jobId: JobId,
    { open, work, signal }: { open: () => Promise<T>; work: (job: T) => Promise<R>; signal: AbortSignal },
  ): Promise<R> {
    return this.#keptOpen(jobId, open).use(work, signal);
  }

  /** Whoever uses the job at hand goes on with it; the next use opens one anew. */
  putAway(): void {
    const held = this.#atHand;
    this.#atHand = null;
    if (held !== null) this.#leave(held);
  }

  /** Closes all of them now, whoever uses them. */
  async closeNow(): Promise<void> {
    this.putAway();
    for (const held of this.#resting.splice(0)) this.#leave(held);
    await Promise.all([...this.#leaving].map((kept) => kept.closeNow()));
  }

  #keptOpen(jobId: JobId, open: () => Promise<T>): KeptOpen<T> {
    if (this.#atHand?.jobId === jobId) return this.#atHand.kept;
    // Taken first: it is not what makes room for the one that goes to rest.
    const index = this.#resting.findIndex((held) => held.jobId === jobId);
    const [rested] = index < 0 ? [] : this.#resting.splice(index, 1);
    this.#rest();
    if (rested !== undefined) {
      this.#atHand = rested;
      this.#options.onKept?.(jobId);
      return rested.kept;
    }
    const opening = this.#makeRoom().then(() => this.#openPatiently(open));
    const held: Held<T> = { jobId, kept: new KeptOpen(opening), restingBytes: null };
    this.#atHand = held;
    // A job that could not be opened is tried anew with its next lease.
    opening.catch(() => {
      if (this.#atHand === held) this.#atHand = null;
      if (this.#resting.includes(held)) this.#resting.splice(this.#resting.indexOf(held), 1);
    });
    return held.kept;
  }

  #rest(): void {
    const held = this.#atHand;
    this.#atHand = null;
    if (held === null) return;
    this.#resting.push(held);
    for (const one of this.#resting) one.restingBytes ??= one.kept.open?.memoryBytes() ?? null;
    const total = () => this.#resting.reduce((sum, { restingBytes }) => sum + (restingBytes ?? 0), 0);
    const { restingBytes: most } = this.#options;
    while (this.#resting.length > (most === 0 ? 0 : MOST_RESTING) || total() > most) {
      const [oldest] = this.#resting.splice(0, 1);
      if (oldest !== undefined) this.#leave(oldest, "other jobs need its memory");
    }
  }

  /** One at a time: how much each takes of the device is seen only when it is closed. */
  async #makeRoom(): Promise<void> {
    await this.#idleClosed();
    const { isShort = async () => false } = this.#options;
    while (this.#resting.length > 0 && (await isShort())) {
      const oldest = this.#resting.shift();
      if (oldest !== undefined) this.#leave(oldest, "its device has little memory free");
      await this.#idleClosed();
    }
  }

  async #openPatiently(open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } catch (error) {
      if (!isShardmillError(error, "OUT_OF_MEMORY") || this.#resting.length === 0) throw error;
    }
    for (const held of this.#resting.splice(0)) this.#leave(held, "the next job found no memory beside it");
    await this.#idleClosed();
    return await open();
  }

  #leave({ jobId, kept }: Held<T>, why?: string): void {
    if (why !== undefined && this.#options.restingBytes > 0) this.#options.onClosing?.(jobId, why);
    this.#leaving.add(kept);
    void kept.closeWhenIdle().then(() => this.#leaving.delete(kept));
  }

  async #idleClosed(): Promise<void> {
    await Promise.all([...this.#leaving].filter(({ isIdle }) => isIdle).map(({ closed }) => closed));
  }
}
