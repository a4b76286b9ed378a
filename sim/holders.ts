import { SILENCE_MS as BUCKET_SILENCE_MS } from "../coordinator/journal/await-still.ts";
import { SILENCE_MS } from "../coordinator/journal/held-lock.ts";
import type { JobState } from "../coordinator/schedule/state/job-state.ts";
import type { ExecutionId } from "../shared/domain/execution-id.ts";
import type { PartialManifest } from "../shared/domain/partial.ts";
import type { JournalImage } from "./journal-image.ts";
import type { SimProcess } from "./scheduler.ts";

/** A coordinator that has taken the job up, until it lets go of it or dies. */
export interface Holder {
  readonly process: SimProcess;
  readonly state: JobState;
  readonly sinceMs: number;
}

/** A holder paused for less is never taken for dead: the silence waited for, less a beat and a look. */
const MOST_HELD_MS = SILENCE_MS - 4_000;
/** ... and of a journal in a bucket: beats come every 5 s, and a look takes its time. */
const BUCKET_HELD_MS = BUCKET_SILENCE_MS - 12_000;
/** Two that wait out the same silence come no further behind each other. */
const BEHIND_MS = 5_000;

interface HoldersOptions {
  readonly isShared: boolean;
  readonly journal: JournalImage;
  readonly nowMs: () => number;
  /** Requests have come late: what was seen of another may have been. */
  readonly isLate: () => boolean;
  readonly note: (line: string) => void;
}

/** Which coordinators hold a job, as somebody sees it who sees them all. Law `one-holder`. */
export class Holders {
  readonly #options: HoldersOptions;
  readonly #holders = new Set<Holder>();
  readonly #deposed = new Set<SimProcess>();
  /** Those of them that were replaced before they could say that they hold it. */
  readonly #replaced = new Set<SimProcess>();
  /** When all was removed that a process held, since somebody started over; infinite until then. */
  readonly #thrownAway = new Map<SimProcess, number>();
  /** Executions whose commits were thrown away so. */
  readonly #thrownCommits = new Set<ExecutionId>();
  readonly #late = new Set<SimProcess>();
  /** When a process had gone on whose put was under way. */
  readonly #wentOn = new Map<SimProcess, number>();
  #lastTakeUp: { readonly process: SimProcess; readonly generation: number; readonly atMs: number } | null =
    null;

  constructor(options: HoldersOptions) {
    this.#options = options;
  }

  /** Another has taken its place, and it may not know it yet. */
  isDeposed(process: SimProcess): boolean {
    return this.#deposed.has(process);
  }

  /** Another had taken its place when it took up the job: nothing that it does may be acknowledged. */
  wasReplaced(process: SimProcess): boolean {
    return this.#replaced.has(process);
  }

  /**
   * A process has begun a generation: too late where the output was there before. One that starts over ends
   * the silent run so, and then begins its own.
   */
  began(process: SimProcess, { isTooLate }: { readonly isTooLate: boolean }): void {
    if (isTooLate) this.#late.add(process);
    else this.#late.delete(process);
  }

  /** Whether this is the one put that a process which has gone on had under way, or had looked before. */
  wasUnderWay(process: SimProcess): boolean {
    const { wentOnMs } = process;
    if (wentOnMs < 0 || this.#wentOn.get(process) === wentOnMs) return false;
    this.#wentOn.set(process, wentOnMs);
    return true;
  }

  of(process: SimProcess): Holder | null {
    return [...this.#holders].find((holder) => holder.process === process) ?? null;
  }

  /** The one that is not dead, and was not replaced. */
  living(): Holder | null {
    return [...this.#holders].find(({ process }) => process.state !== "dead") ?? null;
  }

  letGo(process: SimProcess): void {
    for (const holder of this.#holders) if (holder.process === process) this.#holders.delete(holder);
  }

  /** A process that starts over has begun to remove what the others hold. */
  clears(process: SimProcess): void {
    for (const other of this.#holders) {
      if (other.process === process) continue;
      this.#thrownAway.set(other.process, Number.POSITIVE_INFINITY);
      for (const { state } of other.state.shards)
        if (state.kind === "committed") this.#thrownCommits.add(state.partial.executionId);
      this.#depose(other);
    }
  }

  /** Notes that a clearing has ended. The next coordinator ends one that was left half done. */
  cleared(): void {
    for (const [process, atMs] of this.#thrownAway)
      if (atMs === Number.POSITIVE_INFINITY) this.#thrownAway.set(process, this.#options.nowMs());
  }

  /**
   * Whether a commit was in a run that is thrown away since, or just now: the process was asked before, or
   * says again what it had said.
   */
  wasThrownAway(process: SimProcess, { executionId }: PartialManifest, askedMs: number): boolean {
    return askedMs < (this.#thrownAway.get(process) ?? 0) || this.#thrownCommits.has(executionId);
  }

  #depose(holder: Holder): void {
    this.#deposed.add(holder.process);
    this.#holders.delete(holder);
  }

  /**
   * Takes its place among them; whoever may have lost it is deposed.
   *
   * @param mayStartOver somebody has asked for a run from the beginning
   * @returns `replaced` where another has taken the job from it before it could say that it has it; or what
   * speaks against it
   */
  takeUp(
    process: SimProcess,
    state: JobState,
    mayStartOver: boolean,
  ): "held" | "replaced" | { although: string } {
    const { isShared, journal, nowMs, note } = this.#options;
    const { generation } = state;
    // In a bucket the number of the next object is the fence. It may be taken before this take-up is seen.
    if (isShared ? journal.hasBegun(generation + 1) : this.#sleptThroughTakeUp(process, generation)) {
      note(`${process.name} takes up the job, and is replaced already`);
      this.#deposed.add(process);
      this.#replaced.add(process);
      return "replaced";
    }
    this.#lastTakeUp = { process, generation, atMs: nowMs() };
    if (this.#late.has(process)) return { although: "that was published before its generation began" };
    for (const other of this.#holders) {
      if (other.process === process || other.process.state === "dead") continue;
      // Whoever was stopped for long has lost it, does not know it yet, and must do no harm.
      if (!mayStartOver && !this.#mayBeReplaced(other, process))
        return { although: `while ${other.process.name} holds it` };
      note(`${other.process.name} is taken for dead`);
      this.#depose(other);
    }
    this.#holders.add({ process, state, sinceMs: nowMs() });
    return "held";
  }

  /**
   * True for a process that slept between its claim and its last look at the journal, while another took up
   * the job. It learns of it at its first record, before it has done any harm.
   */
  #sleptThroughTakeUp(process: SimProcess, generation: number): boolean {
    const { journal } = this.#options;
    const last = this.#lastTakeUp;
    if (last === null || last.process === process || process.lastPauseMs <= MOST_HELD_MS) return false;
    if (last.atMs < process.wentOnMs - process.lastPauseMs) return false;
    // Else it has claimed its own generation behind the other's.
    return generation <= last.generation || !journal.hasBegun(generation) || journal.hasBegun(generation + 1);
  }

  /**
   * In a bucket nobody sees another but by its silence: two that wait out the same one come behind each
   * other, and one that was stopped between its looks and its claim sees nothing.
   */
  #mayBeReplaced({ process, state, sinceMs }: Holder, by: SimProcess): boolean {
    const { isShared, isLate, nowMs } = this.#options;
    if (!isShared) return process.lastPauseMs > MOST_HELD_MS;
    const isOver = ["published", "failed", "cancelled"].includes(state.phase.kind);
    const slept = by.lastPauseMs > 0 || process.lastPauseMs > BUCKET_HELD_MS;
    return isOver || slept || nowMs() - sinceMs < BEHIND_MS || isLate();
  }
}
