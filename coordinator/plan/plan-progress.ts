import { systemClock } from "../../shared/core/clock.ts";
import { FetchProgress } from "../../shared/storage/fetch-progress.ts";

/**
 * How far a plan is, for whoever waits for it: a bucket may hold a million files of input, and a model of
 * tens of gigabytes.
 */
export class PlanProgress {
  /** Files that were found so far, those of all paths. */
  filesFound = 0;
  /** Files whose footers are known, of so many; null while files are still looked for. */
  footers: { readonly read: number; readonly of: number } | null = null;
  /** The model, where it lies elsewhere. */
  readonly fetching = new FetchProgress(systemClock);
}
