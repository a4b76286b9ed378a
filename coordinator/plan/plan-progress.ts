import { systemClock } from "../../shared/core/clock.ts";
import { FetchProgress } from "../../shared/storage/fetch-progress.ts";

/**
 * What planning does, some of it beside each other: it lists the files, reads their footers, reads the
 * model's signature, looks at the output, reads code and tokenizers, binds the map, checks the reductions.
 */
type PlanPart = "list" | "footers" | "model" | "output" | "code" | "bind" | "check";

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
  /** Does a part of it. Whoever wants to know how long each takes puts itself in its place. */
  part: <T>(part: PlanPart, task: () => Promise<T>) => Promise<T> = (_, task) => task();
}
