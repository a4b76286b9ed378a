import { type ErrorData, errorToData } from "../../shared/core/errors.ts";
import { mapConcurrent } from "../../shared/core/map-concurrent.ts";
import type { PartialManifest } from "../../shared/domain/partial.ts";
import { isOnThisMachine } from "../../shared/storage/local-paths.ts";
import { type CheckPlace, type CheckTools, checkPartial, makeDurable } from "./check-partial.ts";

/** What a check found: null for a partial that is whole and durable. Plain data, as it crosses threads. */
export type CheckFinding = ErrorData | null;

/** Where partials are checked, some at a time: a thread of its own, or the simulator's world. */
export interface PartialsChecker extends AsyncDisposable {
  /**
   * One finding a partial, in their order. One call at a time.
   *
   * Rejects when the checker itself broke, on one of these partials or for another reason: it is of no use
   * any more.
   */
  check(partials: readonly PartialManifest[]): Promise<readonly CheckFinding[]>;
}

/** Opens a checker for the partials of a job. */
export type OpenChecker = (place: CheckPlace) => PartialsChecker;

/** Where checks wait for answers. A disk's calls block: there one at a time is as fast. */
const CHECKS_AT_ONCE = 16;

/**
 * Checks partials here: one after the other, or off this machine several at once. The names of all of them,
 * in the folder of partials, are made durable at once.
 */
export async function checkPartials(
  partials: readonly PartialManifest[],
  place: CheckPlace,
  tools: CheckTools,
): Promise<readonly CheckFinding[]> {
  const atOnce = isOnThisMachine(place.partials) ? 1 : CHECKS_AT_ONCE;
  const findings = await mapConcurrent(partials, atOnce, (partial) =>
    findingOf(checkPartial(partial, place, tools)),
  );
  if (!findings.includes(null)) return findings;
  // Begun after each of them was found there, so it covers all of their names.
  const synced = tools.storage.sync(place.partials);
  synced.catch(() => {});
  return Promise.all(
    partials.map((partial, index) => {
      const finding = findings[index] ?? null;
      return finding ?? findingOf(makeDurable(partial, place.partials, { sync: () => synced }));
    }),
  );
}

/** A checker that works here, in the caller's own thread. */
export function checkHere(place: CheckPlace, tools: CheckTools): PartialsChecker {
  return {
    check: (partials) => checkPartials(partials, place, tools),
    [Symbol.asyncDispose]: async () => {},
  };
}

async function findingOf(check: Promise<void>): Promise<CheckFinding> {
  try {
    await check;
    return null;
  } catch (error) {
    return errorToData(error);
  }
}
