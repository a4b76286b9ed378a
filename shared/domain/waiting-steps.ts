import { STEP_KINDS } from "./features.ts";
import type { MapBinding } from "./map-binding.ts";
import type { StepBinding } from "./step-binding.ts";

/** Returns how long a step may wait for its server, in ms. Null: the step does not wait. */
export function waitMsOf({ op }: Pick<StepBinding, "op">): number | null {
  if (op.kind !== "extension") return null;
  return STEP_KINDS.find(({ kind }) => kind === op.step)?.waits?.(op.data).waitMs ?? null;
}

/** Returns the longest such time of a job's steps. Null: none of them waits. */
export function longestWaitMs({ prepare, finish }: Pick<MapBinding, "prepare" | "finish">): number | null {
  const waits = [...prepare, ...finish].flatMap((step) => waitMsOf(step) ?? []);
  return waits.length === 0 ? null : Math.max(...waits);
}
