import type { KnownJob } from "../test/support/known-job.ts";
import type { MortalCoordinator, WorkerSlot } from "./fleet.ts";
import type { RoundPlace } from "./round-place.ts";

/** What faults strike. */
export interface FaultWorld {
  readonly coordinator: MortalCoordinator;
  readonly slots: readonly WorkerSlot[];
  /** The job, and where it publishes: of several the first. */
  readonly job: KnownJob;
  readonly place: RoundPlace;
  readonly leaseMs: number;
  /** In [0, 1), from the round's seed. */
  readonly random: () => number;
}

/** What a fault did: `fired` only when something shows that it did. */
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
