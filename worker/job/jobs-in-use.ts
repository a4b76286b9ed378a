import { KeptOpen } from "./kept-open.ts";

interface AtHand<T extends AsyncDisposable> {
  readonly jobId: string;
  readonly kept: KeptOpen<T>;
}

/**
 * The job that a worker has open, and those before it until they are closed. Where nothing runs any more for
 * those, the next is opened only when they are closed: two models at once may be more than the device holds.
 */
export class JobsInUse<T extends AsyncDisposable> {
  #atHand: AtHand<T> | null = null;
  readonly #leaving = new Set<KeptOpen<T>>();

  /**
   * Runs `work` on the job, which is opened with `open` when it is not the one at hand. @throws as {@link
   * KeptOpen.use}
   */
  use<R>(
    jobId: string,
    { open, work, signal }: { open: () => Promise<T>; work: (job: T) => Promise<R>; signal: AbortSignal },
  ): Promise<R> {
    return this.#keptOpen(jobId, open).use(work, signal);
  }

  /** Whoever uses a job goes on with it; the next use opens one anew. */
  putAway(): void {
    const kept = this.#atHand?.kept;
    this.#atHand = null;
    if (kept === undefined) return;
    this.#leaving.add(kept);
    void kept.closeWhenIdle().then(() => this.#leaving.delete(kept));
  }

  /** Closes all of them now, whoever uses them. */
  async closeNow(): Promise<void> {
    this.putAway();
    await Promise.all([...this.#leaving].map((kept) => kept.closeNow()));
  }

  #keptOpen(jobId: string, open: () => Promise<T>): KeptOpen<T> {
    if (this.#atHand?.jobId === jobId) return this.#atHand.kept;
    this.putAway();
    const closing = [...this.#leaving].filter(({ isIdle }) => isIdle).map(({ closed }) => closed);
    const opening = closing.length === 0 ? open() : Promise.all(closing).then(open);
    const atHand: AtHand<T> = { jobId, kept: new KeptOpen(opening) };
    this.#atHand = atHand;
    // A job that could not be opened is tried anew with its next lease.
    opening.catch(() => {
      if (this.#atHand === atHand) this.#atHand = null;
    });
    return atHand.kept;
  }
}
