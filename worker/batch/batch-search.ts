import type { BatchBound } from "../../shared/domain/batch-in-use.ts";
import { type BatchShape, rowsIn, unitsOf } from "./bounds.ts";

/** Current bounds of a search. */
interface SearchLimits {
  /** Limit of a batch's units, at the row length of the observed batch. */
  readonly mostUnits: number;
  /** Returns whether a larger batch would fit in this process's memory. */
  readonly mayGrow: () => boolean;
}

/** Approximate cost of passing a batch to a lane. Without it, the smallest batches would look best. */
const HAND_OVER_MS = 0.1;
/** Limit below which a run is no valid trial: the clock and the transfer weigh as much. */
const SHORT_RUN_MS = 0.25;
/** Growth factor after a short run, or after a run with more than `LEAP_GAIN`. */
const LEAP = 4;
const LEAP_GAIN = 2;
/**
 * Limit above which a run allows no leap. A batch four times as large may be beyond the best size, and the
 * search never shrinks.
 */
const LEAP_RUN_MS = 10;
/** Run time that hides any fixed cost of a batch. Longer runs only delay the end of shards. */
const LONG_RUN_MS = 1_000;
/**
 * Runs of a new size before it is judged. The first does not count: it grows the memory arena, compiles
 * shaders and chooses algorithms. The fastest of the others counts, because other work on the machine only
 * slows runs down.
 */
const WARM_UP_RUNS = 1;
const COUNTED_RUNS = 5;
/**
 * Total time of these runs before a size counts as no gain. A few short runs may all meet the same
 * disturbance.
 */
const COUNTED_MS = 60;
/**
 * Least gain for a size to win. Less is not worth twice the memory, and is within the noise of a few runs.
 */
const GAIN = 1.04;
/**
 * Run time up to which a larger size wins if its rows run no slower. Part of the transfer cost is other
 * threads' time, which runs do not show. Measured on two shared cores: batches of 6 ms were 2.6 % slower
 * overall than batches of 25 ms. Runs showed 0.5 % of that.
 */
const UNFELT_RUN_MS = 15;
/** Factor up to which a row counts as no slower, given the noise of a few runs. */
const TIE = 1.01;
/** Consecutive sizes without gain before the search ends. A single one may be bad luck. */
const PATIENCE = 2;

type Phase =
  /** First phase: leaps while runs are too short for a trial, or while each leap gains much. */
  | { readonly kind: "climbing"; readonly trial: Trial; readonly unitMsBefore: number }
  /** Alternates the best size so far and the next larger one, so both meet similar row lengths. */
  | {
      readonly kind: "comparing";
      readonly best: Trial;
      readonly next: Trial;
      readonly sizesWithoutGain: number;
    }
  | { readonly kind: "fixed"; readonly units: number; readonly reason: FixedBy };

/** Reason why a search ended: no larger size is faster, or memory or another bound forbids one. */
type FixedBy = Extract<BatchBound, "speed" | "growth"> | "bound";

/**
 * Searches the batch size, in units, by run times. Grows the size until throughput stops growing, then keeps
 * the smallest size that no larger one beats by `GAIN`. Ignores batches of other sizes, such as the rest of a
 * shard. Pure: the caller passes times in.
 *
 * ```
 * climbing -> comparing -> settled
 * ```
 */
export class BatchSearch {
  #phase: Phase | null = null;
  #turns = 0;

  /** Returns the size of the next batch. The first has one row, which any working model can run. */
  next(length: number | null): { readonly units: number; readonly bound: BatchBound } {
    this.#phase ??= climbingFrom(length ?? 1);
    const phase = this.#phase;
    if (phase.kind === "fixed")
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

  /** Ends the search with the best size so far, because larger sizes are impossible. */
  stop(): void {
    const phase = this.#phase;
    if (phase?.kind === "climbing") this.#fix(phase.trial.units);
    if (phase?.kind === "comparing") this.#fix(phase.best.units);
  }

  /** Size that a later run may start with. Null: the search goes on, or a memory or other bound decided. */
  get found(): number | null {
    return this.#phase?.kind === "fixed" && this.#phase.reason === "speed" ? this.#phase.units : null;
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
    // Rows are longer than both sizes, which were found with shorter rows and do not apply.
    if (isBoth && unitsOf(shape) > next.units) this.#phase = climbingFrom(unitsOf(shape));
    if (isBoth || !(best.isOf(shape) || next.isOf(shape))) return;
    (next.isOf(shape) ? next : best).add(shape, runMs);
    if (Math.min(best.counted, next.counted) < COUNTED_RUNS) return;
    const isEnough = Math.min(best.countedMs, next.countedMs) >= COUNTED_MS;
    const isFree = best.runMs < UNFELT_RUN_MS && next.runUnitMs <= best.runUnitMs * TIE;
    if (best.unitMs > next.unitMs * GAIN || (isEnough && isFree)) this.#tryNext(next, next, 0, limits);
    else if (!isEnough) return;
    else if (sizesWithoutGain + 1 < PATIENCE) this.#tryNext(best, next, sizesWithoutGain + 1, limits);
    else this.#fix(best.units);
  }

  /** Compares `best` with twice the largest size so far, if that is allowed. */
  #tryNext(best: Trial, largest: Trial, sizesWithoutGain: number, limits: SearchLimits): void {
    if (largest.runMs >= LONG_RUN_MS) return void this.#fix(best.units);
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
   * Checks whether a size can be tried next. If not, ends the search for this run only: another run may have
   * more room.
   */
  #mayTry(units: number, largest: Trial, { mayGrow }: SearchLimits, best = largest): boolean {
    const isLarger = units > largest.units;
    if (isLarger && mayGrow()) return true;
    this.#fix(best.units, isLarger ? "growth" : "bound");
    return false;
  }

  #fix(units: number, reason: FixedBy = "speed"): void {
    this.#phase = { kind: "fixed", units, reason };
  }
}

function climbingFrom(units: number, unitMsBefore = Infinity): Phase {
  return { kind: "climbing", trial: new Trial(units, WARM_UP_RUNS), unitMsBefore };
}

function costMs(runMs: number): number {
  return runMs + HAND_OVER_MS;
}

/** Runs of one size. */
class Trial {
  readonly units: number;
  /** Time per unit, and run time, of the fastest counted run. Infinity before the first. */
  unitMs = Infinity;
  runMs = Infinity;
  counted = 0;
  countedMs = 0;
  #warmUpsLeft: number;

  constructor(units: number, warmUps: number) {
    this.units = units;
    this.#warmUpsLeft = warmUps;
  }

  /** Time per unit of the fastest run, without the transfer cost. */
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
