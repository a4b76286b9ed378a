import { SILENCE_MS as BUCKET_SILENCE_MS } from "../coordinator/journal/await-still.ts";
import { SILENCE_MS } from "../coordinator/journal/held-lock.ts";
import type { JobState } from "../coordinator/schedule/state/job-state.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { JournalImage } from "./journal-image.ts";
import type { SimProcess } from "./scheduler.ts";

/** A coordinator that holds the job, until it releases the job or exits. */
export interface Holder {
  readonly process: SimProcess;
  readonly state: JobState;
  readonly sinceMs: number;
}

/** Longest pause after which a holder is never replaced: the silence limit, less a beat and a read. */
const MOST_HELD_MS = SILENCE_MS - 4_000;
/** The same limit for a journal in a bucket: beats come every 5 s, and a read takes time. */
const BUCKET_HELD_MS = BUCKET_SILENCE_MS - 12_000;
/** Longest time between two coordinators that waited through the same silence. */
const BEHIND_MS = 5_000;

interface HoldersOptions {
  readonly isShared: boolean;
  readonly journal: JournalImage;
  readonly nowMs: () => number;
  /** Returns true when requests came late: another coordinator may have acted on outdated reads. */
  readonly isLate: () => boolean;
  readonly note: (line: string) => void;
}

/** Coordinators that hold a job, as seen by an observer of all of them. Law `one-holder`. */
export class Holders {
  readonly #options: HoldersOptions;
  readonly #holders = new Set<Holder>();
  readonly #deposed = new Set<SimProcess>();
  /** Deposed processes that were replaced before they could report that they hold the job. */
  readonly #replaced = new Set<SimProcess>();
  /** Time when all files of a process's run were removed by a fresh run. Infinite until the removal ends. */
  readonly #thrownAway = new Map<SimProcess, number>();
  /** Executions whose commits a fresh run has discarded. */
  readonly #thrownCommits = new Set<ExecutionId>();
  readonly #late = new Set<SimProcess>();
  /** Time when a process resumed that had a put in progress. */
  readonly #wentOn = new Map<SimProcess, number>();
  #lastTakeUp: { readonly process: SimProcess; readonly generation: number; readonly atMs: number } | null =
    null;

  constructor(options: HoldersOptions) {
    this.#options = options;
  }

  /** Returns true when another process has replaced this one, which may not know yet. */
  isDeposed(process: SimProcess): boolean {
    return this.#deposed.has(process);
  }

  /** Returns true when a process was already replaced when it resumed the job. It may acknowledge nothing. */
  wasReplaced(process: SimProcess): boolean {
    return this.#replaced.has(process);
  }

  /**
   * Notes that a process has begun a generation, which is too late when the output was already visible. A
   * process that starts over first ends the silent run this way, and then begins its own.
   */
  began(process: SimProcess, { isTooLate }: { readonly isTooLate: boolean }): void {
    if (isTooLate) this.#late.add(process);
    else this.#late.delete(process);
  }

  /** Returns true for the one put that a resumed process had in progress, or had checked before its pause. */
  wasUnderWay(process: SimProcess): boolean {
    const { wentOnMs } = process;
    if (wentOnMs < 0 || this.#wentOn.get(process) === wentOnMs) return false;
    this.#wentOn.set(process, wentOnMs);
    return true;
  }

  of(process: SimProcess): Holder | null {
    return [...this.#holders].find((holder) => holder.process === process) ?? null;
  }

  /** Returns the holder that runs and was not replaced. */
  living(): Holder | null {
    return [...this.#holders].find(({ process }) => process.state !== "exited") ?? null;
  }

  letGo(process: SimProcess): void {
    for (const holder of this.#holders) if (holder.process === process) this.#holders.delete(holder);
  }

  /** Notes that a process that starts over begins to remove the files of the others. */
  clears(process: SimProcess): void {
    for (const other of this.#holders) {
      if (other.process === process) continue;
      this.#thrownAway.set(other.process, Number.POSITIVE_INFINITY);
      for (const { state } of other.state.shards)
        if (state.kind === "committed") this.#thrownCommits.add(state.partial.executionId);
      this.#depose(other);
    }
  }

  /** Notes that a clearing has ended. The next coordinator finishes a clearing that was interrupted. */
  cleared(): void {
    for (const [process, atMs] of this.#thrownAway)
      if (atMs === Number.POSITIVE_INFINITY) this.#thrownAway.set(process, this.#options.nowMs());
  }

  /**
   * Returns true when a commit belonged to a run that was discarded. The call may have arrived before that,
   * or the answer may repeat an earlier one.
   */
  wasThrownAway(process: SimProcess, { executionId }: PartialManifest, requestedMs: number): boolean {
    return requestedMs < (this.#thrownAway.get(process) ?? 0) || this.#thrownCommits.has(executionId);
  }

  #depose(holder: Holder): void {
    this.#deposed.add(holder.process);
    this.#holders.delete(holder);
  }

  /**
   * Makes a process the holder, and deposes processes that may have lost the job.
   *
   * @param mayStartOver a run from the beginning was requested
   * @returns `replaced` when another process took the job before this one could report it, or the objection
   */
  takeUp(
    process: SimProcess,
    state: JobState,
    mayStartOver: boolean,
  ): "held" | "replaced" | { although: string } {
    const { isShared, journal, nowMs, note } = this.#options;
    const { generation } = state;
    // The number of the next object is the fence in a bucket. It may be taken before the checker sees this
    // process.
    if (isShared ? journal.hasBegun(generation + 1) : this.#sleptThroughTakeUp(process, generation)) {
      note(`${process.name} resumes the job, and has already been replaced`);
      this.#deposed.add(process);
      this.#replaced.add(process);
      return "replaced";
    }
    this.#lastTakeUp = { process, generation, atMs: nowMs() };
    if (this.#late.has(process)) return { although: "that was published before its generation began" };
    for (const other of this.#holders) {
      if (other.process === process || other.process.state === "exited") continue;
      // A process that was paused for long has lost the job without noticing, and must do no harm.
      if (!mayStartOver && !this.#mayBeReplaced(other, process))
        return { although: `while ${other.process.name} holds it` };
      note(`${other.process.name} counts as exited`);
      this.#depose(other);
    }
    this.#holders.add({ process, state, sinceMs: nowMs() });
    return "held";
  }

  /**
   * Returns true for a process that was paused between its claim and its last read of the journal. Another
   * resumed the job meanwhile. The process notices at its first record, before it does any harm.
   */
  #sleptThroughTakeUp(process: SimProcess, generation: number): boolean {
    const { journal } = this.#options;
    const last = this.#lastTakeUp;
    if (last === null || last.process === process || process.lastPauseMs <= MOST_HELD_MS) return false;
    if (last.atMs < process.wentOnMs - process.lastPauseMs) return false;
    // Otherwise the process has claimed its own generation after the other's.
    return generation <= last.generation || !journal.hasBegun(generation) || journal.hasBegun(generation + 1);
  }

  /**
   * Returns true when a process may replace a holder. In a bucket, coordinators detect each other only by
   * silence. Two that wait through the same silence follow each other. One that was paused between its reads
   * and its claim detects nothing.
   */
  #mayBeReplaced({ process, state, sinceMs }: Holder, by: SimProcess): boolean {
    const { isShared, isLate, nowMs } = this.#options;
    if (!isShared) return process.lastPauseMs > MOST_HELD_MS;
    const isOver = ["published", "failed", "cancelled"].includes(state.phase.kind);
    const slept = by.lastPauseMs > 0 || process.lastPauseMs > BUCKET_HELD_MS;
    return isOver || slept || nowMs() - sinceMs < BEHIND_MS || isLate();
  }
}
