import type { FaultKind } from "./fault-plan.ts";
import type { SimCoordinators } from "./sim-coordinators.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimWorkers } from "./sim-workers.ts";
import type { Scenario, WorldBase } from "./world-base.ts";

/** A world with everybody in it. */
export interface SimWorld extends WorldBase {
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  cutPower(): void;
}

/** The same, as one of its jobs has it. */
export interface JudgedScenario extends Scenario {
  readonly world: SimWorld;
  /** The job has ended for good. */
  over(end: string): void;
}

/** Whether one of these faults has struck: what comes of it is no broken promise. */
export function hasFired({ faults }: Pick<WorldBase, "faults">, ...kinds: readonly FaultKind[]): boolean {
  return kinds.some((kind) => faults.fired[kind] > 0);
}
