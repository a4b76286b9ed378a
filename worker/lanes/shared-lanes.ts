import type { ShardmillError } from "../../shared/core/errors.ts";
import type { LaneSet } from "./lane-set.ts";

type OnBroken = (error: ShardmillError) => void;

interface Shared {
  readonly key: string;
  readonly started: Promise<LaneSet>;
  uses: number;
  /** Listeners of current users only. Lanes may outlast thousands of jobs, which must not accumulate here. */
  readonly listeners: Set<OnBroken>;
  broken: ShardmillError | null;
}

/**
 * Lanes shared by jobs with the same model. Each window of messages is a job, and must not load its model
 * again. Unused lanes stay until lanes of another model are requested, because the device may not hold two
 * models.
 */
export class SharedLanes implements AsyncDisposable {
  readonly #inUse = new Map<string, Shared>();
  #idle: Shared | null = null;

  /**
   * Returns the lanes of a key, and starts them if needed. Disposing the result releases the lanes, and does
   * not end them.
   *
   * @param key everything that the lanes depend on
   */
  async take(key: string, start: () => Promise<LaneSet>): Promise<LaneSet> {
    const idle = this.#idle;
    if (idle !== null) this.#idle = null;
    if (idle !== null && idle.key !== key) await close(idle);
    const shared = idle?.key === key ? idle : (this.#inUse.get(key) ?? begun(key, start));
    shared.uses += 1;
    this.#inUse.set(key, shared);
    try {
      return this.#borrowed(shared, await shared.started);
    } catch (error) {
      if (this.#inUse.get(key) === shared) this.#inUse.delete(key);
      throw error;
    }
  }

  /** Ends unused lanes to free their memory. */
  async closeIdle(): Promise<void> {
    const idle = this.#idle;
    this.#idle = null;
    if (idle !== null) await close(idle);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#inUse.values(), ...(this.#idle === null ? [] : [this.#idle])];
    this.#inUse.clear();
    this.#idle = null;
    await Promise.all(all.map(close));
  }

  #borrowed(shared: Shared, lanes: LaneSet): LaneSet {
    let isGivenBack = false;
    let own: OnBroken | null = null;
    const release = async () => {
      if (isGivenBack) return;
      isGivenBack = true;
      if (own !== null) shared.listeners.delete(own);
      shared.uses -= 1;
      if (shared.uses > 0 || this.#inUse.get(shared.key) !== shared) return;
      this.#inUse.delete(shared.key);
      const before = this.#idle;
      this.#idle = shared;
      if (before !== null) await close(before);
    };
    return {
      count: lanes.count,
      loadMs: lanes.loadMs,
      connect: () => lanes.connect(),
      onBroken: (listener) => {
        own = listener;
        shared.listeners.add(listener);
        if (shared.broken !== null) listener(shared.broken);
      },
      [Symbol.asyncDispose]: release,
    };
  }
}

function begun(key: string, start: () => Promise<LaneSet>): Shared {
  const shared: Shared = { key, started: start(), uses: 0, listeners: new Set(), broken: null };
  const report = (error: ShardmillError) => {
    shared.broken = error;
    for (const listener of shared.listeners) listener(error);
  };
  shared.started.then(
    (lanes) => lanes.onBroken(report),
    // Each user of the lanes gets the error.
    () => {},
  );
  return shared;
}

async function close({ started }: Shared): Promise<void> {
  const lanes = await started.catch(() => null);
  await lanes?.[Symbol.asyncDispose]();
}
