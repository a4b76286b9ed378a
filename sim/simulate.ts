import { loadSharedJournals } from "../coordinator/journal/shared-journals.ts";
import { FAULT_KINDS, type FaultKind } from "./fault-plan.ts";
import { type StorageKind, storageOf } from "./storage-kind.ts";
import type { Violation } from "./violation.ts";
import { jobsOf, tasksOf, World } from "./world.ts";

export interface SeedResult {
  readonly seed: number;
  readonly jobs: number;
  /** Storage of the outputs. */
  readonly storage: StorageKind;
  /** Jobs have reductions by key. */
  readonly tasks: boolean;
  /** End of the jobs. Null: a law was broken before. */
  readonly end: string | null;
  readonly violation: Violation | null;
  readonly fired: Readonly<Record<FaultKind, number>>;
  readonly steps: number;
  readonly simulatedMs: number;
  /** Hash of the run: equal for equal runs. */
  readonly trace: number;
  readonly log: readonly string[];
}

export interface SimulateOptions {
  /** Keeps the log as text, which is slower. */
  readonly keepLog?: boolean;
  /** Number of jobs in the world. Default: as the seed decides. */
  readonly jobs?: number | undefined;
  /** Storage of the outputs. Default: as the seed decides. */
  readonly storage?: StorageKind | undefined;
  /** The jobs have reductions by key. Default: as the seed decides. */
  readonly tasks?: boolean | undefined;
}

/** Runs the world of one seed to its end. */
export async function simulate(seed: number, options: SimulateOptions = {}): Promise<SeedResult> {
  const { keepLog = false, jobs = jobsOf(seed), storage = storageOf(seed) } = options;
  const { tasks = tasksOf(seed) } = options;
  // Loading takes turns of the event loop, which no step of a world may span.
  if (storage === "shared") await loadSharedJournals();
  const world = new World(seed, { keepLog, jobs, storage, tasks });
  const onRejection = (error: unknown) =>
    world.broken("legal-moves", `an uncaught error: ${error instanceof Error ? error.stack : error}`);
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
    tasks,
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
