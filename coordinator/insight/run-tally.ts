import type { AttemptCounts, AttemptOutcome } from "../../shared/domain/job-metrics.ts";
import type { JournalRecord } from "../schedule/state/record.ts";

/** Counts attempts by their outcome in the journal. */
export class RunTally {
  readonly #ended: Record<AttemptOutcome, number> = {
    committed: 0,
    failed: 0,
    lost: 0,
    rejected: 0,
    expired: 0,
    released: 0,
    superseded: 0,
  };
  #backups = 0;

  add(record: JournalRecord): void {
    if (record.kind === "shardCommitted") this.#ended.committed += 1;
    else if (record.kind === "attemptEnded") this.#ended[record.end.kind] += 1;
    else if (record.kind === "leaseGranted" && record.backup) this.#backups += 1;
  }

  read(): AttemptCounts {
    return { ended: { ...this.#ended }, backups: this.#backups };
  }
}
