import type { JobPhase } from "./job.ts";
import type { DeadLetter } from "./partial.ts";
import type { StageShares, WorkerInfo } from "./worker.ts";

/**
 * How an attempt left its worker's hands, worst first.
 *
 * | end | means |
 * |---|---|
 * | died | its worker's process died |
 * | failed | it failed, and said why |
 * | rejected | what it handed in was not whole |
 * | expired | its lease ran out: nothing was heard of its worker. Its partial may have come later |
 * | superseded | another attempt was first, or the job ended |
 * | interrupted | its coordinator ended, and no other knows how it went on. Its partial may have come |
 * | released | its worker drained, and handed it back |
 * | committed | what it handed in is the shard's partial |
 */
export const SPAN_ENDS = [
  "died",
  "failed",
  "rejected",
  "expired",
  "superseded",
  "interrupted",
  "released",
  "committed",
] as const;
export type SpanEnd = (typeof SPAN_ENDS)[number];

/**
 * What a coordinator remembers of a run, bounded however long it is and however many take part: in the
 * manifest, for the report, and on the page. Of coordinators before it, it has what they left in the journal.
 * Times are seconds since the first was given the job.
 */
export interface RunHistory {
  /** When that was: ISO 8601, by the coordinator's clock. */
  readonly began: string;
  readonly seconds: number;
  /**
   * The coordinators that were at it, where there were several: from when to when each is known to have been.
   * The last is the one that tells.
   */
  readonly lives?: readonly { readonly from: number; readonly to: number }[];
  /** In order. The time before the first went into planning. */
  readonly phases: readonly { readonly phase: JobPhase; readonly from: number }[];
  /** A column each, in order of time; the last is the end of what is told. */
  readonly pace: {
    readonly at: readonly number[];
    readonly rowsDone: readonly number[];
    readonly workers: readonly number[];
  };
  /** Attempts, and those of them that were backups of slow ones. */
  readonly attempts: number;
  readonly backups: number;
  /** Attempts by how they ended. Those that run are in none. */
  readonly ends: Readonly<Record<SpanEnd, number>>;
  /** Shards committed by them, those that were revoked later among them. */
  readonly commits: number;
  readonly revocations: number;
  /** Attempts that committed, by how long they took: at least `from`, and less than the next. */
  readonly durations: { readonly from: readonly number[]; readonly attempts: readonly number[] };
  /** The longest of them, longest first. */
  readonly slowest: readonly SlowShard[];
  /**
   * Connected, together: all workers, and those on devices other than the CPU. Under a coordinator that was
   * killed, from the first to the last that the journal has of a worker.
   */
  readonly workerSeconds: number;
  readonly deviceSeconds: number;
  /** Those that had most to tell first; `workersLeftOut` others took part. */
  readonly workers: readonly WorkerHistory[];
  readonly workersLeftOut: number;
  /** Why rows became dead letters, most shards first. */
  readonly dead: readonly DeadReason[];
  /** The shards as they were; left out while the job runs. */
  readonly map?: ShardMap;
}

/** The map of a job's shards, in so many bytes however many they are. */
export interface ShardMap {
  /** Shards side by side that one cell stands for: it says the worst of theirs. 1 but for very many. */
  readonly shardsPerCell: number;
  /** A byte a cell, in the order of the plan: see `shardCells`. Deflated (RFC 1951), in base64. */
  readonly cells: string;
}

/**
 * Of each shard the first dead letter counts: the others are in `_errors/`. Its place and text are of the
 * first in the plan's order.
 */
export interface DeadReason extends DeadLetter {
  readonly shards: number;
}

export interface SlowShard {
  readonly shard: number;
  readonly worker: string;
  readonly seconds: number;
}

/** A worker by its name, over all its sessions. */
export interface WorkerHistory {
  readonly name: string;
  /** Null where it said nothing yet. */
  readonly device: WorkerInfo["device"] | null;
  readonly connectedSeconds: number;
  readonly rows: number;
  readonly ends: Readonly<Record<SpanEnd, number>>;
  /** Mean busy shares since its first rows; some of it is lost where a coordinator was killed. */
  readonly stages: StageShares;
  /** Rows of its last batch, and the mean share of padding; null where none is known. */
  readonly batchRows: number | null;
  readonly padding: number | null;
  readonly spans: Spans;
}

/**
 * Which attempts a worker had when: a column each. On one line no two overlap, and a worker has no more lines
 * than slots. Where they are too many, short neighbours are one: `attempts` says of how many, and `end` is
 * the worst of theirs.
 */
export interface Spans {
  readonly line: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** The first, of several. */
  readonly shard: readonly number[];
  readonly attempts: readonly number[];
  /** `running` where it has not ended. */
  readonly end: readonly (SpanEnd | "running")[];
  /** 1: it was a backup, or one of them was. */
  readonly backup: readonly number[];
}
