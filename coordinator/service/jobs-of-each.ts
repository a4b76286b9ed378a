import { OWNER_NAME } from "../../shared/access/callers.ts";
import { ShardmillError } from "../../shared/core/errors.ts";

/**
 * Counts the active jobs of each identity. Holders of the secret, and this process itself, have no limit
 * here: the limit for all jobs applies to them.
 */
export class JobsOfEach {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** @param most jobs per token */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Counts one more job until the returned function is called.
   *
   * @param by identity of the submitter. Null: this process itself
   * @throws {RESOURCE_EXHAUSTED} when the identity has reached its limit
   */
  take(by: string | null): () => void {
    if (by === null || by === OWNER_NAME) return () => {};
    if ((this.#counts.get(by) ?? 0) >= this.#most) throw this.#tooMany(by);
    return this.count(by);
  }

  /** Counts a job from before a restart, which is not refused even above the limit. */
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
      `${by} has ${this.#most} active jobs, and may have no more`,
      {
        fields: { most: this.#most },
        hint: "wait for one of them to end, cancel one, or ask the operator to raise --max-jobs",
      },
    );
  }
}
