import type { PlannedJob } from "../../shared/domain/job.ts";
import { leftOutPhrases } from "../../shared/domain/left-out.ts";

/** What whoever starts the job should know. */
export function notesOn({ leftOut }: PlannedJob): string[] {
  if (leftOut.length === 0) return [];
  return [`left out of the input: ${leftOutPhrases(leftOut).join("; ")}`];
}
