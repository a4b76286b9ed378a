import type { TimedTrigger } from "../spec/trigger-spec.ts";
import { ranFiring } from "./run-facts.ts";
import { failedRun, type RunOutcome } from "./run-outcome.ts";
import {
  decideDue,
  firstServed,
  noteEnded,
  type RanFiring,
  type TriggerState,
  waitOf,
} from "./trigger-state.ts";

interface TimedRunsOptions {
  readonly ledger: {
    readonly state: TriggerState | null;
    save(state: TriggerState): Promise<void>;
  };
  /**
   * Begins or resumes a run, and waits for its end. Null: the run was interrupted, and can be resumed later.
   */
  readonly run: (atMs: number) => Promise<RunOutcome | null>;
  /** Current time by the wall clock. */
  readonly wallMs: () => number;
  /** Called when a run has ended and the next step is due. */
  readonly onEnded: () => void;
  /**
   * Called when an ended run is recorded.
   *
   * @param isBegunAgain true if the run failed, and will be retried automatically
   */
  readonly onNoted: (ran: RanFiring, isBegunAgain: boolean) => void;
}

/**
 * Runs of a schedule, one at a time. Decisions are durable before they take effect. If the process exits, the
 * next one runs the waiting instants. If the process exits after a run and before recording it, the next one
 * finds the run published.
 */
export class TimedRuns {
  readonly #options: TimedRunsOptions;
  #running: number | null = null;
  #ended: RanFiring[] = [];
  #skippedTimes = 0;
  #lookedMs: number | null = null;

  constructor(options: TimedRunsOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** Number of skipped instants or ranges. */
  get skippedTimes(): number {
    return this.#skippedTimes;
  }

  /**
   * Records ended runs, decides due instants, and begins the next waiting run.
   *
   * @throws {STATE_FAILED} when the ledger cannot be written
   */
  async step(trigger: TimedTrigger): Promise<void> {
    const { ledger, wallMs, onNoted } = this.#options;
    const nowMs = wallMs();
    const ended = [...this.#ended];
    const before = ledger.state ?? firstServed(trigger, nowMs);
    const state = decideDue(
      ended.reduce((so, ran) => noteEnded(so, ran, trigger), before),
      trigger,
      { nowMs, beforeMs: this.#lookedMs },
    );
    if (state !== ledger.state) await ledger.save(state);
    this.#lookedMs = nowMs;
    for (const ran of ended) onNoted(ran, state.retry?.atMs === ran.atMs);
    const known = new Set(before.past);
    this.#skippedTimes += state.past.filter((past) => past.kind === "skipped" && !known.has(past)).length;
    this.#ended = this.#ended.filter((ran) => !ended.includes(ran));
    const next = state.waiting.find((atMs) => !this.#ended.some((ran) => ran.atMs === atMs));
    if (next !== undefined && this.#running === null && waitOf(state, next, nowMs) === 0) this.#begin(next);
  }

  #begin(atMs: number): void {
    const { run, wallMs, onEnded } = this.#options;
    this.#running = atMs;
    const end = (outcome: RunOutcome | null) => {
      this.#running = null;
      if (outcome === null) return;
      this.#ended.push(ranFiring(outcome, atMs, wallMs()));
      onEnded();
    };
    void run(atMs).then(end, (error: unknown) => end(failedRun(error)));
  }
}
