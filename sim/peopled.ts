import type { FaultKind } from "./faults.ts";
import type { Ground } from "./ground.ts";
import type { SimCoordinators } from "./sim-coordinators.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimWorkers } from "./sim-workers.ts";

/** A world with everybody in it. */
export interface Peopled extends Ground {
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  cutPower(): void;
  /** The job has ended for good. */
  over(end: string): void;
}

/** Whether one of these faults has struck: what comes of it is no broken promise. */
export function hasFired({ faults }: Ground, ...kinds: readonly FaultKind[]): boolean {
  return kinds.some((kind) => faults.fired[kind] > 0);
}
