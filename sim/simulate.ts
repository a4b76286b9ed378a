import { FAULT_KINDS, type FaultKind } from "./faults.ts";
import { World } from "./world.ts";

export interface SeedResult {
  readonly seed: number;
  /** How the job ended; null when a promise was broken before. */
  readonly end: string | null;
  readonly violation: { readonly invariant: string; readonly message: string } | null;
  readonly fired: Readonly<Record<FaultKind, number>>;
  readonly steps: number;
  readonly simulatedMs: number;
  /** Equal for equal runs. */
  readonly trace: number;
  readonly story: readonly string[];
}

/** Runs the world of one seed to its end. @param tellStory keeps what happened as text: slower */
export async function simulate(seed: number, tellStory = false): Promise<SeedResult> {
  const world = new World(seed, tellStory);
  const onRejection = (error: unknown) =>
    world.checker.broken(
      "state",
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
  const { checker, faults, scheduler } = world;
  const { violation } = checker;
  return {
    seed,
    end: world.end,
    violation: violation === null ? null : { invariant: violation.invariant, message: violation.message },
    fired: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, faults.fired[kind]])) as Record<
      FaultKind,
      number
    >,
    steps: scheduler.steps,
    simulatedMs: scheduler.nowMs,
    trace: scheduler.trace,
    story: scheduler.story,
  };
}
