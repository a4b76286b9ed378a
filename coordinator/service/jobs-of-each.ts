import { OWNER_NAME } from "../../shared/access/callers.ts";
import { ShardmillError } from "../../shared/core/errors.ts";

/**
 * How many jobs each identity has at work. Whoever has the user's secret, and this process itself, are
 * bounded by what is for all: their bound would be their own.
 */
export class JobsOfEach {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** @param most of one token */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Counts one job more, until what is returned is called.
   *
   * @param by null: this process itself
   * @throws {RESOURCE_EXHAUSTED} when that identity has as many as it may
   */
  take(by: string | null): () => void {
    if (by === null || by === OWNER_NAME) return () => {};
    if ((this.#counts.get(by) ?? 0) >= this.#most) throw this.#tooMany(by);
    return this.count(by);
  }

  /** The same of a job that was taken before a restart: it is not refused now. */
  count(by: string): () => void {
    this.#counts.set(by, (this.#counts.get(by) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      const left = (this.#counts.get(by) ?? 0) - 1;
      if (left > 0) this.#counts.set(by, left);
      else this.#counts.delete(by);
    };
  }

  #tooMany(by: string): ShardmillError {
    return new ShardmillError(
      "RESOURCE_EXHAUSTED",
      `${by} has ${this.#most} jobs at work, and may have no more`,
      {
        fields: { most: this.#most },
        hint: "wait for one of them to end, or cancel one; who runs the coordinator sets the number with --max-jobs",
      },
    );
  }
}
