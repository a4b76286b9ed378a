import type { TriggerOutcome } from "../../shared/domain/trigger-status.ts";

/** How a run ended that a trigger began, or why it did not begin. */
export interface RunOutcome {
  readonly outcome: TriggerOutcome;
  /** Null of one that no job came of. */
  readonly jobId: string | null;
  /** Why it failed; null of others. */
  readonly reason: string | null;
}
