import type { AttemptEnd, JournalRecord } from "../schedule/state/record.ts";

/** How an attempt may end. One whose lease expired, and whose partial came all the same, is counted twice. */
export const ATTEMPT_OUTCOMES = [
  "committed",
  "failed",
  "died",
  "rejected",
  "expired",
  "released",
  "superseded",
] as const satisfies readonly ("committed" | AttemptEnd["kind"])[];
type AttemptOutcome = (typeof ATTEMPT_OUTCOMES)[number];

/** What became of the attempts of one job since this coordinator opened it. */
export interface AttemptCounts {
  readonly ended: Readonly<Record<AttemptOutcome, number>>;
  /** Second attempts at a shard that another worker is slow at. */
  readonly backups: number;
}

/** Counts attempts by what the journal is told of them. */
export class RunTally {
  readonly #ended: Record<AttemptOutcome, number> = {
    committed: 0,
    failed: 0,
    died: 0,
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
