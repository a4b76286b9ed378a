import type { KnownJob } from "../test/support/known-job.ts";
import type { MortalCoordinator, WorkerSlot } from "./fleet.ts";
import type { RoundPlace } from "./round-place.ts";

/** Targets of faults. */
export interface FaultWorld {
  readonly coordinator: MortalCoordinator;
  readonly slots: readonly WorkerSlot[];
  /** The job and the place of its output. Of several jobs: the first. */
  readonly job: KnownJob;
  readonly place: RoundPlace;
  readonly leaseMs: number;
  /** Returns a number in `[0, 1)`, from the round's seed. */
  readonly random: () => number;
}

/** Result of a fault. `fired`: its effect was visible. */
export interface FaultResult {
  readonly fired: boolean;
  readonly text: string;
}

export function fired(text: string): FaultResult {
  return { fired: true, text };
}

export function notFired(text: string): FaultResult {
  return { fired: false, text };
}
