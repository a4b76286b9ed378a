import type { FaultKind } from "./faults.ts";
import type { Ground, Lot } from "./ground.ts";
import type { SimCoordinators } from "./sim-coordinators.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimWorkers } from "./sim-workers.ts";

/** A world with everybody in it. */
export interface Peopled extends Ground {
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  cutPower(): void;
}

/** The same, as one of its jobs has it. */
export interface PeopledLot extends Lot {
  readonly world: Peopled;
  /** The job has ended for good. */
  over(end: string): void;
}

/** Whether one of these faults has struck: what comes of it is no broken promise. */
export function hasFired({ faults }: Pick<Ground, "faults">, ...kinds: readonly FaultKind[]): boolean {
  return kinds.some((kind) => faults.fired[kind] > 0);
}
