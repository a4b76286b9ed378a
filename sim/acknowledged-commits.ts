import type { Digest } from "../shared/core/digest.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { JournalImage } from "./journal-image.ts";

/** Acknowledged commits of a job, by shard. */
export class AcknowledgedCommits {
  readonly #journal: Pick<JournalImage, "records">;
  readonly #commits = new Map<number, { readonly executionId: ExecutionId; readonly digest: Digest }>();

  constructor(journal: Pick<JournalImage, "records">) {
    this.#journal = journal;
  }

  /** Forgets all commits because the job starts over. */
  clear(): void {
    this.#commits.clear();
  }

  /**
   * Adds a commit. An acknowledged commit stays unless its partial was damaged later. A paused coordinator
   * may acknowledge a revoked commit late, after the answer to its successor.
   *
   * @returns the execution that had won before, against the law `first-commit-wins`, or null without one
   */
  add({ shard, executionId, digest }: PartialManifest): string | null {
    const before = this.#commits.get(shard);
    if (before?.executionId === executionId) return null;
    const records = this.#journal.records();
    const isRevoked = (of: string) =>
      records.some((record) => record.kind === "shardRevoked" && record.digest === of);
    if (before !== undefined && isRevoked(digest)) return null;
    this.#commits.set(shard, { executionId, digest });
    return before === undefined || isRevoked(before.digest) ? null : before.executionId;
  }
}
