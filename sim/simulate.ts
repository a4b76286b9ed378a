import { loadSharedJournals } from "../coordinator/journal/shared-journals.ts";
import { FAULT_KINDS, type FaultKind } from "./fault-plan.ts";
import { type StorageKind, storageOf } from "./storage-kind.ts";
import type { Violation } from "./violation.ts";
import { jobsOf, World } from "./world.ts";

export interface SeedResult {
  readonly seed: number;
  readonly jobs: number;
  /** Where the outputs were. */
  readonly storage: StorageKind;
  /** How the jobs ended; null when a promise was broken before. */
  readonly end: string | null;
  readonly violation: Violation | null;
  readonly fired: Readonly<Record<FaultKind, number>>;
  readonly steps: number;
  readonly simulatedMs: number;
  /** Equal for equal runs. */
  readonly trace: number;
  readonly log: readonly string[];
}

export interface SimulateOptions {
  /** Keeps what happened as text: slower. */
  readonly keepLog?: boolean;
  /** How many jobs the world has. Left out: as the seed says. */
  readonly jobs?: number | undefined;
  /** Where outputs are. Left out: as the seed says. */
  readonly storage?: StorageKind | undefined;
}

/** Runs the world of one seed to its end. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<SeedResult> {
  const { keepLog = false, jobs = jobsOf(seed), storage = storageOf(seed) } = options;
  // Loading it takes turns of the event loop, in which no step of a world may be.
  if (storage === "shared") await loadSharedJournals();
  const world = new World(seed, { keepLog, jobs, storage });
  const onRejection = (error: unknown) =>
    world.broken(
      "legal-moves",
      `an error that nobody caught: ${error instanceof Error ? error.stack : error}`,
    );
  process.on("unhandledRejection", onRejection);
  try {
    await world.run();
  } catch (error) {
    onRejection(error);
  } finally {
    process.off("unhandledRejection", onRejection);
  }
  const { violation, faults, scheduler } = world;
  return {
    seed,
    jobs,
    storage,
    end: violation === null ? world.end : null,
    violation,
    fired: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, faults.fired[kind]])) as Record<
      FaultKind,
      number
    >,
    steps: scheduler.steps,
    simulatedMs: scheduler.nowMs,
    trace: scheduler.trace,
    log: scheduler.log,
  };
}
