import type { FaultKind } from "./fault-plan.ts";
import type { SimCoordinators } from "./sim-coordinators.ts";
import type { SimNetwork } from "./sim-network.ts";
import type { SimWorkers } from "./sim-workers.ts";
import type { Scenario, WorldBase } from "./world-base.ts";

/** A world with its network, coordinators and workers. */
export interface SimWorld extends WorldBase {
  readonly network: SimNetwork;
  readonly coordinators: SimCoordinators;
  readonly workers: SimWorkers;
  cutPower(): void;
}

/** A job of a world, with the whole world. */
export interface JudgedScenario extends Scenario {
  readonly world: SimWorld;
  /** Notes the final end of the job. */
  over(end: string): void;
}

/** Returns true when one of these faults has struck, so that its effects break no law. */
export function hasFired({ faults }: Pick<WorldBase, "faults">, ...kinds: readonly FaultKind[]): boolean {
  return kinds.some((kind) => faults.fired[kind] > 0);
}
