import type { JobDigests } from "../../shared/domain/job.ts";

const DIGEST_WORDS = {
  spec: "the job file",
  input: "the input",
  model: "the model",
} as const satisfies Record<keyof JobDigests, string>;

/** Returns the parts in which two jobs differ. */
export function differingParts(before: JobDigests, now: JobDigests): (keyof JobDigests)[] {
  return (["spec", "input", "model"] as const).filter((part) => before[part] !== now[part]);
}

/** Returns a phrase such as `the job file and the model`. */
export function partsText(parts: readonly (keyof JobDigests)[]): string {
  return parts.map((part) => DIGEST_WORDS[part]).join(" and ");
}
