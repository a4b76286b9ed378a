import { systemClock } from "../../shared/core/clock.ts";
import { FetchProgress } from "../../shared/storage/fetch-progress.ts";

/**
 * Part of planning. `output` checks the output, `code` reads code and tokenizers, and `check` checks the
 * reductions. Some parts run concurrently.
 */
type PlanPart = "list" | "footers" | "model" | "output" | "code" | "bind" | "check";

/**
 * Progress of a plan. It may take long: a bucket may hold a million input files, and a model tens of
 * gigabytes.
 */
export class PlanProgress {
  /** Files found so far, over all paths. */
  filesFound = 0;
  /** Footers read, and the number of files. Null: files are still being listed. */
  footers: { readonly read: number; readonly of: number } | null = null;
  /** Progress of fetching the model from a store. */
  readonly fetching = new FetchProgress(systemClock);
  /** Runs a part of planning. A caller that measures the parts replaces it. */
  part: <T>(part: PlanPart, task: () => Promise<T>) => Promise<T> = (_, task) => task();
}
