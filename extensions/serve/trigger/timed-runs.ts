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
  /** Begins a run, or goes on with it, and waits for its end; null when it was only left, to go on later. */
  readonly run: (atMs: number) => Promise<RunOutcome | null>;
  /** By the clock on the wall. */
  readonly wallMs: () => number;
  /** Called when a run has ended: there is another step to make. */
  readonly onEnded: () => void;
  /** Called when that is kept. @param isBegunAgain it failed, and will be begun again by itself */
  readonly onNoted: (ran: RanFiring, isBegunAgain: boolean) => void;
}

/**
 * The runs of a schedule, one at a time. What is decided is durable before anything follows from it: a
 * process that dies leaves instants that wait, and the next one runs them. One that died behind the end of a
 * run begins it again, finds it published, and notes that.
 */
export class TimedRuns {
  readonly #options: TimedRunsOptions;
  #running: number | null = null;
  #ended: RanFiring[] = [];
  #leftOut = 0;
  #lookedMs: number | null = null;

  constructor(options: TimedRunsOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#running !== null;
  }

  /** How often something was left out. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Notes what has ended, decides what is due by now, and begins what waits. @throws {STATE_FAILED} */
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
    this.#leftOut += state.past.filter((past) => past.kind === "leftOut" && !known.has(past)).length;
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
