import type { BatchBound } from "../../shared/domain/batch-in-use.ts";
import { type BatchShape, rowsIn, unitsOf } from "./bounds.ts";

/** What bounds a search at the moment. */
interface SearchLimits {
  /** The most units that a batch may have, of rows as long as those of the batch at hand. */
  readonly mostUnits: number;
  /** Whether a larger batch would fit in this process's memory. */
  readonly mayGrow: () => boolean;
}

/**
 * What handing a batch over costs beside its run, about: it counts, or the smallest batches would look the
 * best.
 */
const HAND_OVER_MS = 0.1;
/** A run shorter than this is no trial: the clock, and handing over, weigh as much. */
const SHORT_RUN_MS = 0.25;
/**
 * How much the size grows after a short run, or after one that made a row cost less than half of what it cost
 * before.
 */
const LEAP = 4;
const LEAP_GAIN = 2;
/**
 * A run that takes longer is no reason to leap: a batch four times as large may be past the best, and is
 * never taken back.
 */
const LEAP_RUN_MS = 10;
/**
 * A run this long hides whatever a batch costs by itself. A longer one only delays whoever waits for a
 * shard's end.
 */
const LONG_RUN_MS = 1_000;
/**
 * Runs of a new size before it is judged. The first is not counted: it grows the memory arena, compiles
 * shaders, picks algorithms. Of the others the fastest counts, since other work on the machine only ever
 * makes a run slower.
 */
const WARM_UP_RUNS = 1;
const COUNTED_RUNS = 5;
/**
 * What they take together before a size is said to gain nothing: a handful of short ones may all meet the
 * same disturbance.
 */
const COUNTED_MS = 60;
/** Less gain than this for twice the memory is not worth it, and is about the noise of a few runs. */
const GAIN = 1.04;
/**
 * While runs are shorter than this, a larger size whose rows run no slower is taken: it is still small, and
 * felt by nobody. What it costs to hand a batch over is in part other threads' time, which no run shows: on
 * two cores that all of them share, batches of 6 ms were 2.6 % slower over all than those of 25, of which 0.5
 * % showed.
 */
const UNFELT_RUN_MS = 15;
/** A row that runs slower by less than this runs no slower, as far as a few runs can tell. */
const TIE = 1.01;
/** Sizes in a row without gain before the search ends: one alone may be bad luck. */
const PATIENCE = 2;

type Phase =
  /** From the first row on: leaps while runs are too short to be worth a batch, or each leap gains much. */
  | { readonly kind: "climbing"; readonly trial: Trial; readonly unitMsBefore: number }
  /**
   * The best size so far and the next larger one take turns, so that both meet rows of about the same
   * lengths.
   */
  | {
      readonly kind: "comparing";
      readonly best: Trial;
      readonly next: Trial;
      readonly sizesWithoutGain: number;
    }
  | { readonly kind: "settled"; readonly units: number; readonly reason: SettledBy };

/**
 * Why a search ended: a larger size was not faster, this process may not grow, or another bound of the batch
 * allowed no larger one.
 */
type SettledBy = Extract<BatchBound, "speed" | "growth"> | "bound";

/**
 * Finds the size of a batch, in units, from how long runs take: grows it until units a second stop growing,
 * then stays with the smallest size that no larger one was enough of a gain over. Batches of any other size
 * than those on trial (the rest of a shard, batches still in flight from a size before) say nothing and are
 * not counted. Pure: it is told the times.
 *
 * ```
 * climbing -> comparing -> settled
 * ```
 */
export class BatchSearch {
  #phase: Phase | null = null;
  #turns = 0;

  /** The size of the next batch: one row at first, since any model that runs at all runs that. */
  next(length: number | null): { readonly units: number; readonly bound: BatchBound } {
    this.#phase ??= climbingFrom(length ?? 1);
    const phase = this.#phase;
    if (phase.kind === "settled")
      return { units: phase.units, bound: phase.reason === "growth" ? "growth" : "speed" };
    if (phase.kind === "climbing") return { units: phase.trial.units, bound: "search" };
    this.#turns += 1;
    return { units: this.#turns % 2 === 1 ? phase.next.units : phase.best.units, bound: "search" };
  }

  observe(shape: BatchShape, runMs: number, limits: SearchLimits): void {
    const phase = this.#phase;
    if (phase?.kind === "climbing") this.#climb(phase, shape, runMs, limits);
    else if (phase?.kind === "comparing") this.#compare(phase, shape, runMs, limits);
  }

  /** Ends the search with what was best so far. Larger sizes are out of reach. */
  stop(): void {
    const phase = this.#phase;
    if (phase?.kind === "climbing") this.#settle(phase.trial.units);
    if (phase?.kind === "comparing") this.#settle(phase.best.units);
  }

  /**
   * The size found, once there is one that a later run may start with; null before, and where the room at
   * hand decided.
   */
  get found(): number | null {
    return this.#phase?.kind === "settled" && this.#phase.reason === "speed" ? this.#phase.units : null;
  }

  #climb(
    { trial, unitMsBefore }: Extract<Phase, { kind: "climbing" }>,
    shape: BatchShape,
    runMs: number,
    limits: SearchLimits,
  ): void {
    if (!trial.isOf(shape)) return;
    trial.add(shape, runMs);
    if (trial.counted === 0) return;
    const gain = unitMsBefore / trial.unitMs;
    if (runMs < SHORT_RUN_MS || (runMs < LEAP_RUN_MS && gain > LEAP_GAIN)) {
      const units = Math.min(trial.units * LEAP, limits.mostUnits);
      if (this.#mayTry(units, trial, limits)) this.#phase = climbingFrom(units, trial.unitMs);
      return;
    }
    this.#tryNext(trial, trial, 0, limits);
  }

  #compare(
    { best, next, sizesWithoutGain }: Extract<Phase, { kind: "comparing" }>,
    shape: BatchShape,
    runMs: number,
    limits: SearchLimits,
  ): void {
    const isBoth = best.isOf(shape) && next.isOf(shape);
    // Rows longer than both sizes: those were found with shorter ones, and say nothing here.
    if (isBoth && unitsOf(shape) > next.units) this.#phase = climbingFrom(unitsOf(shape));
    if (isBoth || !(best.isOf(shape) || next.isOf(shape))) return;
    (next.isOf(shape) ? next : best).add(shape, runMs);
    if (Math.min(best.counted, next.counted) < COUNTED_RUNS) return;
    const isEnough = Math.min(best.countedMs, next.countedMs) >= COUNTED_MS;
    const isFree = best.runMs < UNFELT_RUN_MS && next.runUnitMs <= best.runUnitMs * TIE;
    if (best.unitMs > next.unitMs * GAIN || (isEnough && isFree)) this.#tryNext(next, next, 0, limits);
    else if (!isEnough) return;
    else if (sizesWithoutGain + 1 < PATIENCE) this.#tryNext(best, next, sizesWithoutGain + 1, limits);
    else this.#settle(best.units);
  }

  /** Compares `best` with twice the largest size so far, if there may be one. */
  #tryNext(best: Trial, largest: Trial, sizesWithoutGain: number, limits: SearchLimits): void {
    if (largest.runMs >= LONG_RUN_MS) return void this.#settle(best.units);
    const units = Math.min(largest.units * 2, limits.mostUnits);
    if (!this.#mayTry(units, largest, limits, best)) return;
    this.#phase = {
      kind: "comparing",
      best: new Trial(best.units, 0),
      next: new Trial(units, WARM_UP_RUNS),
      sizesWithoutGain,
    };
  }

  /**
   * Whether a size can be tried next; settles where not, but for this run alone: another may have more room.
   */
  #mayTry(units: number, largest: Trial, { mayGrow }: SearchLimits, best = largest): boolean {
    const isLarger = units > largest.units;
    if (isLarger && mayGrow()) return true;
    this.#settle(best.units, isLarger ? "growth" : "bound");
    return false;
  }

  #settle(units: number, reason: SettledBy = "speed"): void {
    this.#phase = { kind: "settled", units, reason };
  }
}

function climbingFrom(units: number, unitMsBefore = Infinity): Phase {
  return { kind: "climbing", trial: new Trial(units, WARM_UP_RUNS), unitMsBefore };
}

function costMs(runMs: number): number {
  return runMs + HAND_OVER_MS;
}

/** The runs of one size. */
class Trial {
  readonly units: number;
  /**
   * Of the fastest counted run for its units, a unit; and how long it took. Infinite before one was counted.
   */
  unitMs = Infinity;
  runMs = Infinity;
  counted = 0;
  countedMs = 0;
  #warmUpsLeft: number;

  constructor(units: number, warmUps: number) {
    this.units = units;
    this.#warmUpsLeft = warmUps;
  }

  /** Of the fastest, without what handing it over costs. */
  get runUnitMs(): number {
    return (this.unitMs * this.runMs) / costMs(this.runMs);
  }

  isOf({ rows, length }: BatchShape): boolean {
    return rows === rowsIn(this.units, length);
  }

  add(shape: BatchShape, runMs: number): void {
    if (this.#warmUpsLeft > 0) {
      this.#warmUpsLeft -= 1;
      return;
    }
    this.counted += 1;
    this.countedMs += runMs;
    const unitMs = costMs(runMs) / unitsOf(shape);
    if (unitMs >= this.unitMs) return;
    this.unitMs = unitMs;
    this.runMs = runMs;
  }
}
